"""`python -m bench exact`: what ONNX Runtime's exact int8 kernels cost, and how far off its default ones are."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from bench import bare
from bench.arguments import add_bundles, bundles_of, golden_rows, is_plain
from runtime.backends import engine_version
from runtime.bundle.reader import open_bundle
from runtime.commands.table import aligned
from runtime.measure.latency import single_calls
from runtime.measure.machine import cpu_name
from runtime.measure.timing import times

_SCHEMES = ("int8", "dynamic")
_CALLS = 50


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(prog="python -m bench exact", description=__doc__)
    add_bundles(made)
    made.add_argument(
        "--rounds", metavar="N", type=int, default=40, help=f"blocks of {_CALLS} calls each; default: 40"
    )
    return made


def run(args: argparse.Namespace) -> int:
    """Prints a row for each .onnx file with int8 weights."""
    rows = []
    load_before = os.getloadavg()[0]
    for path in bundles_of(args, is_plain):
        bundle = open_bundle(path)
        inputs = golden_rows(bundle).astype(np.float32)
        for variant in bundle.manifest.variants.values():
            if variant.format == "onnx" and variant.scheme in _SCHEMES:
                content = bundle.read(variant.file)
                rows.append((bundle.manifest.model, variant.name, *_cells(content, inputs, args.rounds)))
    header = ("model", "variant", "default µs", "exact µs", "ratio", "default off by")
    print(aligned(header, rows, right=(2, 3, 4, 5)))
    vnni = "with" if "vnni" in Path("/proc/cpuinfo").read_text() else "without"
    print(
        f"\nmedians of {args.rounds} interleaved rounds of {_CALLS} single calls, the ratio that of a round; off by: "
        f"the largest difference between the two answers to a golden input. onnxruntime "
        f"{engine_version('onnxruntime')}, {cpu_name()}, {vnni} VNNI, load "
        f"{load_before:.1f} before and {os.getloadavg()[0]:.1f} after."
    )
    return 0 if rows else 1


def _cells(content: bytes, inputs: np.ndarray, rounds: int) -> tuple[str, ...]:
    default, exact = bare.session(content, exact=False), bare.session(content)
    # Row by row: a dynamic file finds one scale for all rows of a call.
    singles = [inputs[at : at + 1] for at in range(len(inputs))]
    off = max(float(np.abs(default(row) - exact(row)).max()) for row in singles)
    blocks = times(
        {"default": single_calls(default, {"rows": inputs}), "exact": single_calls(exact, {"rows": inputs})},
        rounds,
        _CALLS,
    )
    medians = {name: np.median(block, axis=1) / 1000 for name, block in blocks.items()}
    ratio = float(np.median(medians["exact"] / medians["default"]))
    return (
        f"{np.median(medians['default']):.1f}", f"{np.median(medians['exact']):.1f}", f"{ratio:.2f}", f"{off:.2g}",
    )  # fmt: skip
