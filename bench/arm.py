"""`python -m bench arm`: executed Arm instructions per inference, on emulated Raspberry Pi boards."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from statistics import median
from typing import NamedTuple

from arm import instructions, wheels
from arm.boards import BOARDS, board
from arm.device import Device, make_device
from bench.arguments import add_bundles, bundles_of, is_plain
from bench.environments import ROOT
from runtime.backends import ENGINES
from runtime.bundle.reader import Bundle, open_bundle
from runtime.commands.table import aligned
from runtime.errors import UsageError

CALLS = 8
PACKAGES = [
    ROOT / name for name in ("arm", "bench", "runtime")
]  # what an emulated board executes of this project


class Instructions(NamedTuple):
    """Instructions per inference: of the engine's bare calls on a prepared array, and of `predict` on raw input."""

    bare: int
    predict: int


class Row(NamedTuple):
    """A variant on an engine, and what an inference costs on each board that has the engine."""

    model: str
    variant: str
    engine: str
    costs: dict[str, Instructions]


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(
        prog="python -m bench arm",
        description="Executed Arm instructions per inference, on emulated Raspberry Pi boards (docs/arm.md). Needs a "
        "Debian host, and a C compiler once.",
    )
    add_bundles(made)
    made.add_argument(
        "--boards", metavar="NAME,…", default="pi4,pi5", help=f"of {', '.join(BOARDS)}; default: pi4,pi5"
    )
    made.add_argument("--variant", metavar="NAME", help="only this variant")
    return made


def run(args: argparse.Namespace) -> int:
    """Prints the table."""
    paths = bundles_of(args, is_plain)
    names = args.boards.split(",")
    bundles = [open_bundle(path) for path in paths]
    known = sorted({name for bundle in bundles for name in bundle.manifest.variants} - {"saved_model"})
    if args.variant not in (None, *known):
        raise UsageError(f"unknown variant {args.variant!r}; these bundles have: {', '.join(known)}")
    rows = measure(bundles, names, args.variant)
    print(table(rows, names))
    print()
    print(footnote(names))
    return 0


def measure(bundles: list[Bundle], boards: list[str], variant: str | None = None) -> list[Row]:
    """Counts every variant on every engine of the boards, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        devices = {name: make_device(Path(folder) / name, name, engine_set(name)) for name in boards}
        started = [
            (bundle.manifest.model, name, engine, {
                each: pool.submit(cost, device, bundle, name, engine)
                for each, device in devices.items()
                if ENGINES[engine].package in wheels.ENGINES[engine_set(each)].packages
            })
            for bundle in bundles
            for name, engine in pairs(bundle, variant)
        ]  # fmt: skip
        rows = []
        for model, name, engine, costs in started:
            print(f"{model} {name} {engine}", file=sys.stderr)
            try:
                rows.append(Row(model, name, engine, {each: done.result() for each, done in costs.items()}))
            except BaseException:
                pool.shutdown(cancel_futures=True)  # nobody waits for the rest
                raise
    return rows


def engine_set(name: str) -> str:
    """The set of packages with every engine that a board can have."""
    row = board(name)
    return "all" if row.engines == "current" else row.engines


def pairs(bundle: Bundle, variant: str | None) -> Iterator[tuple[str, str]]:
    """Every variant, or one, with each of its engines."""
    for row in bundle.manifest.variants.values():
        if row.format != "saved_model" and variant in (None, row.name):
            yield from ((row.name, engine) for engine in row.engines)


def cost(device: Device, bundle: Bundle, variant: str, engine: str) -> Instructions:
    """What an inference costs there. Twice as many calls less once as many: what is not a call drops out."""
    path = str(bundle.path.resolve())
    counts = instructions.count(
        device, "-m", "bench.inferences", path, variant, engine, str(CALLS), packages=PACKAGES
    )
    both = len(counts) // 2
    return Instructions(*(per_call(found) for found in (counts[:both], counts[both + 1 :])))


def per_call(counts: list[int]) -> int:
    """What a call takes, from counts of `CALLS` calls and of twice as many in turn: the median of the differences."""
    differences = [twice - once for once, twice in zip(counts[::2], counts[1::2], strict=True)]
    return round(median(differences) / CALLS)


def table(rows: list[Row], boards: list[str]) -> str:
    """A line for each row, two columns for each board."""
    header = [
        "model",
        "variant",
        "engine",
        *(f"{name} {way}" for name in boards for way in Instructions._fields),
    ]
    lines = []
    for row in rows:
        cells = [
            [f"{number:,}" for number in row.costs[name]] if name in row.costs else ["–", "–"]
            for name in boards
        ]
        lines.append([row.model, row.variant, row.engine, *chain(*cells)])
    return aligned(header, lines, right=range(3, len(header)))


def footnote(boards: list[str]) -> str:
    """What was counted, and of which versions."""
    sets = dict.fromkeys(map(engine_set, boards))
    versions = dict.fromkeys(each for name in sets for each in wheels.requirements(wheels.ENGINES[name]))
    cores = ", ".join(f"{name}: {board(name).core}" for name in boards)
    return (
        "Executed Arm instructions per inference, under emulation: not time. One row a call, one thread; bare: the "
        "engine's set, invoke and get on a prepared float32 array; predict: the same from the raw row, with all that "
        f"Python does. The count of {2 * CALLS} calls less that of {CALLS}, over {CALLS}, the median of three. "
        f"{cores}. "
        f"{', '.join(versions)}."
    )
