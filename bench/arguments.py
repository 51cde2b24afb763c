"""What several commands of the bench take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from runtime.bundle.golden import read_golden
from runtime.bundle.manifest import Manifest
from runtime.bundle.reader import Bundle, read_manifest
from runtime.errors import UsageError


def add_bundles(parser: argparse.ArgumentParser) -> None:
    """Adds the bundles to measure, by default all that were exported."""
    parser.add_argument(
        "bundles",
        metavar="BUNDLE",
        type=Path,
        nargs="*",
        help="folders of bundles; default: artifacts/*/bundle",
    )


def bundles_of(args: argparse.Namespace, wanted: Callable[[Manifest], bool]) -> list[Path]:
    """The bundles that were asked for, or all that are wanted; UsageError where there are none."""
    if args.bundles:
        return list(args.bundles)
    paths = [path for path in sorted(Path("artifacts").glob("*/bundle")) if wanted(read_manifest(path))]
    if not paths:
        raise UsageError("no bundles under artifacts/; run `python -m export all`, or name them")
    return paths


def is_plain(manifest: Manifest) -> bool:
    """Whether a model has one input and one output, of float32 each: those that bare calls are written for."""
    (*_, taken), (*_, given) = manifest.inputs.values(), manifest.outputs.values()
    one_of_each = len(manifest.inputs) == len(manifest.outputs) == 1
    return one_of_each and taken.tensor.dtype == given.tensor.dtype == "float32"


def golden_rows(bundle: Bundle) -> np.ndarray:
    """The golden inputs of a plain model, raw [n, …]; UsageError for another."""
    if not is_plain(bundle.manifest):
        raise UsageError(
            f"{bundle.path}: {bundle.manifest.model} has not one input and one output of float32; name another bundle"
        )
    (inputs,) = read_golden(bundle).inputs.values()
    return inputs
