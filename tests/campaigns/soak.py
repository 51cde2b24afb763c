"""Does memory grow? A million calls and a thousand loads of an int8 variant, and what bare loads of its engine keep.

Measured is the process's own memory, in RAM or swapped out; what is mapped from files comes and goes as the system
likes.
"""

import gc
import itertools
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

import numpy as np

import runtime
from runtime.backends import ENGINES
from runtime.bundle.golden import read_golden
from runtime.bundle.reader import open_bundle
from runtime.command import run_command
from runtime.commands.arguments import progress
from runtime.commands.table import aligned
from runtime.measure.machine import cpu_name
from tests.campaigns.bundles import bundles, pairs, parser

PARTS = 20
# What an allocator may keep: more than that from the second tenth to the end is growth.
MOST_KIB = 512


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 1 where memory grows."""
    arguments = parser("soak", "A million calls and a thousand loads: does memory grow?")
    arguments.set_defaults(models="digits-cnn")
    arguments.add_argument("--calls", type=int, default=1_000_000)
    arguments.add_argument("--loads", type=int, default=1_000)
    # One engine a process: its memory is then its own.
    arguments.add_argument("--engine", choices=ENGINES, required=True)
    options = arguments.parse_args(argv)
    rows, growing = [], 0
    for path in bundles(options.artifacts, options.models):
        for variant, engine in pairs(open_bundle(path)):
            if engine != options.engine or variant.scheme != "int8":
                continue
            growth: dict[str, int] = {}
            for what, count, work in jobs(path, variant.name, engine, options.calls, options.loads):
                progress(f"{path.parent.name} {variant.name} {engine}: {what}")
                sizes = memory_kib(work, count)
                growth[what] = max(sizes[-3:]) - max(sizes[1:4])
                rows.append(
                    (engine, variant.name, f"{count:,} {what}", f"{sizes[-1]:,}", f"{growth[what]:+,}")
                )
            # A load may keep what a bare load of the engine keeps, and no more.
            growing += growth["calls"] > MOST_KIB
            growing += growth["loads"] - max(0, growth["bare loads"]) > MOST_KIB
    progress("")
    print(aligned(("engine", "variant", "after", "KiB", "growth in KiB"), rows, right=(2, 3, 4)))
    print(
        f"{cpu_name()}: {growing} grow by more than {MOST_KIB} KiB, or by that much more than the bare engine"
    )
    return 1 if growing or not rows else 0


def jobs(
    path: Path, variant: str, engine: str, calls: int, loads: int
) -> list[tuple[str, int, Callable[[], object]]]:
    """What is done again and again: single calls, with now and then a batch of another size; loads."""
    model, inputs = runtime.load(path, variant, engine), read_golden(open_bundle(path)).inputs

    def part(first: int, count: int) -> dict[str, np.ndarray]:
        return {name: rows[first : first + count] for name, rows in inputs.items()}

    rows = itertools.cycle([part(row, 1) for row in range(32)])
    batches = itertools.cycle([part(0, count) for count in (2, 32, 7)])
    number = itertools.count(1)

    def call() -> None:
        model.predict(next(batches if next(number) % 1000 == 0 else rows))

    content = open_bundle(path).read(model.manifest.variants[variant].file)
    return [
        ("calls", calls, call),
        ("loads", loads, lambda: runtime.load(path, variant, engine).predict(part(0, 1))),
        ("bare loads", loads, lambda: bare_load(engine, content)),
    ]


def bare_load(engine: str, content: bytes) -> None:
    """What a script without edgeproof does to load a model and to learn of its inputs and outputs."""
    if engine == "onnxruntime":
        session = import_module("onnxruntime").InferenceSession(content, providers=["CPUExecutionProvider"])
        session.get_inputs(), session.get_outputs()
        return
    interpreter = import_module(ENGINES[engine].backend).import_engine()(model_content=content)
    interpreter.allocate_tensors()
    (name,) = interpreter.get_signature_list()
    runner = interpreter.get_signature_runner(name)
    runner.get_input_details(), runner.get_output_details()


def memory_kib(work: Callable[[], object], count: int) -> list[int]:
    """The memory of this process, in KiB, after each twentieth of `count` calls of `work`."""
    sizes = []
    for _ in range(PARTS):
        for _ in range(count // PARTS):
            work()
        gc.collect()
        status = Path("/proc/self/status").read_text()
        sizes.append(sum(int(size) for size in re.findall(r"(?:RssAnon|VmSwap):\s+(\d+) kB", status)))
    return sizes


if __name__ == "__main__":
    sys.exit(run_command(main))
