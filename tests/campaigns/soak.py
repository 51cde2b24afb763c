"""Does memory grow? A million calls and a thousand loads on every engine; the process's own memory is measured."""

import gc
import itertools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import runtime
from runtime.backends import ENGINES, installed
from runtime.bundle import open_bundle
from runtime.command import run_command
from runtime.commands.arguments import progress
from runtime.golden import read_golden
from runtime.machine import cpu_name
from runtime.table import aligned
from tests.campaigns.bundles import bundles, pairs, parser

PARTS = 20
# What an allocator may keep: more than that from the second tenth to the end is growth.
MOST_KIB = 512


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 where memory grows."""
    arguments = parser("soak", "A million calls and a thousand loads on every engine: does memory grow?")
    arguments.set_defaults(models="digits-cnn")
    arguments.add_argument("--calls", type=int, default=1_000_000)
    arguments.add_argument("--loads", type=int, default=1_000)
    options = arguments.parse_args(argv)
    rows, growing = [], 0
    for path in bundles(options.artifacts, options.models):
        for variant, engine in chosen(path):
            for what, count, work in jobs(path, variant, engine, options.calls, options.loads):
                progress(f"{path.parent.name} {variant} {engine}: {what}")
                sizes = resident_kib(work, count)
                growth = max(sizes[-3:]) - max(sizes[1:4])
                growing += growth > MOST_KIB
                rows.append(
                    (path.parent.name, variant, engine, f"{count:,} {what}", f"{sizes[-1]:,}", f"{growth:+,}")
                )
    progress("")
    print(aligned(("model", "variant", "engine", "after", "KiB", "growth in KiB"), rows, right=(3, 4, 5)))
    print(f"{cpu_name()}: {growing} of {len(rows)} runs grow by more than {MOST_KIB} KiB")
    return 1 if growing or not rows else 0


def chosen(path: Path) -> list[tuple[str, str]]:
    """A static int8 and a float32 variant for each engine that is here."""
    engines = [name for name in ENGINES if installed(name)]
    found = [(variant.name, engine) for variant, engine in pairs(open_bundle(path)) if engine in engines]
    return [pair for pair in found if pair[0].endswith(("-int8", "-float32"))]


def jobs(
    path: Path, variant: str, engine: str, calls: int, loads: int
) -> list[tuple[str, int, Callable[[], object]]]:
    """What is done again and again: single calls, with now and then a batch of another size; loads."""
    model, inputs = runtime.load(path, variant, engine), read_golden(open_bundle(path)).inputs
    rows = itertools.cycle([inputs[row : row + 1] for row in range(32)])
    batches = itertools.cycle([inputs[:count] for count in (2, 32, 7)])
    number = itertools.count(1)

    def call() -> None:
        model.predict(next(batches if next(number) % 1000 == 0 else rows))

    return [
        ("calls", calls, call),
        ("loads", loads, lambda: runtime.load(path, variant, engine).predict(inputs[:2])),
    ]


def resident_kib(work: Callable[[], object], count: int) -> list[int]:
    """The memory of this process, in KiB, after each twentieth of `count` calls of `work`."""
    sizes = []
    page_kib = os.sysconf("SC_PAGESIZE") // 1024
    for _ in range(PARTS):
        for _ in range(count // PARTS):
            work()
        gc.collect()
        sizes.append(int(Path("/proc/self/statm").read_text().split()[1]) * page_kib)
    return sizes


if __name__ == "__main__":
    sys.exit(run_command(main))
