"""What the benchmarks that time calls beside the engine's own share: options, rows, differences and footnotes."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from bench.arguments import add_bundles, bundles_of
from runtime.backends import engine_version, import_engine, installed
from runtime.bundle.manifest import Manifest, Variant
from runtime.bundle.reader import Bundle, open_bundle
from runtime.commands.arguments import quiet_engines
from runtime.errors import UsageError
from runtime.measure.machine import cpu_name

CALLS = 50
FEWEST_CALLS = 3
_BLOCK_US = 2_000  # a block of a slow net has fewer calls


class Timed(Protocol):
    """A row of a table: one variant on one engine."""

    @property
    def engine(self) -> str:
        """The engine."""


R = TypeVar("R", bound=Timed)


class Over(NamedTuple):
    """How much longer a call takes than the bare one, in µs: the median over rounds, and its 95 % interval."""

    us: float
    low_us: float
    high_us: float

    def __str__(self) -> str:
        return f"{self.us:+.1f} ({self.low_us:+.1f} to {self.high_us:+.1f})"


def parser(command: str, description: str | None) -> argparse.ArgumentParser:
    """What such a command takes."""
    made = argparse.ArgumentParser(prog=f"python -m bench {command}", description=description)
    add_bundles(made)
    made.add_argument("--engine", metavar="NAME", help="only this engine")
    made.add_argument(
        "--rounds",
        metavar="N",
        type=int,
        default=60,
        help=f"blocks of up to {CALLS} calls each; default: 60",
    )
    return made


def run(
    args: argparse.Namespace,
    wanted: Callable[[Manifest], bool],
    measure: Callable[[Bundle, Variant, str, int], R],
    table: Callable[[list[R]], str],
    footnote: Callable[[int], str],
) -> int:
    """Prints a table with a row of each variant on each engine; the exit code says only whether it could be measured.

    Args:
        args: what was asked for.
        wanted: whether a bundle is measured that nobody named.
        measure: gives the row of a variant on an engine, in so many rounds.
        table: the rows as text.
        footnote: what was measured, in so many rounds.
    """
    paths = bundles_of(args, wanted)
    if args.rounds < 6:
        raise UsageError(f"--rounds is {args.rounds}; an interval needs at least 6")
    rows = []
    load_before = os.getloadavg()[0]
    for path in paths:
        bundle = open_bundle(path)
        for variant in bundle.manifest.variants.values():
            for engine in variant.engines:
                if variant.format != "saved_model" and args.engine in (None, engine) and installed(engine):
                    print(f"{bundle.manifest.model} {variant.name} {engine}", file=sys.stderr)
                    import_engine(engine)
                    with quiet_engines():
                        rows.append(measure(bundle, variant, engine, args.rounds))
    print(table(rows))
    print()
    print(f"{footnote(args.rounds)} {_circumstances((row.engine for row in rows), load_before)}")
    return 0 if rows else 1


def calls_of_a_block(call_us: float) -> int:
    """How many calls of this length make a block: fewer of slow ones."""
    return int(np.clip(_BLOCK_US / call_us, FEWEST_CALLS, CALLS))


def over(ours: np.ndarray, bare_us: np.ndarray) -> Over:
    """The median difference between blocks of the same round, with its interval by ranks (the sign test's)."""
    differences = np.sort(ours - bare_us)
    count = len(differences)
    reach = 0.98 * np.sqrt(count)
    low, high = max(0, int(count / 2 - reach)), min(count - 1, int(np.ceil(count / 2 + reach)))
    return Over(float(np.median(differences)), float(differences[low]), float(differences[high]))


def _circumstances(engines: Iterable[str], load_before: float) -> str:
    """The end of a footnote: versions, machine, and what else it did."""
    versions = ", ".join(f"{name} {engine_version(name)}" for name in sorted(set(engines)))
    return (
        f"One thread. {versions}, numpy {np.__version__}, Python {platform.python_version()}, {platform.machine()}, "
        f"{cpu_name()}, {os.cpu_count()} cores, load {load_before:.1f} before and {os.getloadavg()[0]:.1f} after."
    )
