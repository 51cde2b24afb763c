"""`python -m bench start`: cold start to the first verified answer, and peak memory, beside a bare script."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np

from bench.arguments import golden_rows
from bench.environments import ROOT
from runtime.backends import ENGINES, engine_version, installed
from runtime.bundle.reader import Bundle, open_bundle
from runtime.commands.table import aligned
from runtime.errors import EdgeProofError, UsageError
from runtime.measure.machine import cpu_name

MAX_RATIO, MAX_MIB_OVER, MAX_IMPORT_MS = 1.10, 3.0, 5.0

_PEAK = """
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
"""
_INTERPRETER = """
import numpy as np
from {module}.interpreter import Interpreter
interpreter = Interpreter(model_path={file!r}, num_threads=1)
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.load({row!r}))
interpreter.invoke()
answer = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
"""
_SESSION = """
import numpy as np
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.x64quantprecision", "1")
session = onnxruntime.InferenceSession({file!r}, options, providers=["CPUExecutionProvider"])
answer = session.run(None, {{session.get_inputs()[0].name: np.load({row!r})}})[0]
"""
_OURS = """
import numpy as np
import runtime
model = runtime.load({bundle!r}, {variant!r}, {engine!r}, self_test={self_test})
answer = model.predict(np.load({raw!r}))
"""


class Start(NamedTuple):
    """Of one program: CPU and wall time of the whole process in ms, peak memory in MiB."""

    cpu_ms: float
    wall_ms: float
    peak_rss_mib: float


class Found(NamedTuple):
    """The least of a program's figures, and medians over turns: its CPU time over the bare script's, and beyond it."""

    least: Start
    of_bare: float
    over_ms: float


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(prog="python -m bench start", description=__doc__)
    made.add_argument(
        "bundle", metavar="BUNDLE", type=Path, nargs="?", default=Path("artifacts/mnist-cnn/bundle"),
        help="default: artifacts/mnist-cnn/bundle",
    )  # fmt: skip
    made.add_argument("--scheme", metavar="NAME", default="int8", help="default: int8")
    made.add_argument("--rounds", metavar="N", type=int, default=15, help="default: 15")
    return made


def run(args: argparse.Namespace) -> int:
    """Prints the table; the exit code says only whether it could be measured."""
    if args.rounds < 3:
        raise UsageError(f"--rounds is {args.rounds}; give at least 3")
    bundle = open_bundle(args.bundle)
    load_before = os.getloadavg()[0]
    rows: list[tuple[str, ...]] = []
    missed: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for engine in filter(installed, ENGINES):
            name = f"{ENGINES[engine].format}-{args.scheme}"
            if name not in bundle.manifest.variants:
                names = ", ".join(bundle.manifest.variants)
                raise UsageError(f"no variant {name!r}; this bundle has: {names}")
            programs = programs_of(bundle, name, engine, Path(folder))
            found = measure(programs, args.rounds, Path(folder))
            rows += [(engine, program, *cells(figures, found["bare"])) for program, figures in found.items()]
            missed += [f"  {engine}: {miss}" for miss in misses(found)]
        header = ("engine", "program", "CPU ms", "wall ms", "of bare", "more ms", "peak MiB", "over bare")
        print(aligned(header, rows, right=(2, 3, 4, 5, 6, 7)))
        over_numpy = import_ms(args.rounds, Path(folder))
    if over_numpy > MAX_IMPORT_MS:
        missed.append(f"  import runtime takes {over_numpy:.1f} ms, limit {MAX_IMPORT_MS:.0f}")
    print(f"\nimport runtime over import numpy: {over_numpy:.1f} ms; limit {MAX_IMPORT_MS:.0f}")
    print(f"limits of load and predict: {MAX_RATIO:.2f} of bare, {MAX_MIB_OVER:.0f} MiB over it\n")
    print("\n".join(["beyond a limit:", *missed] if missed else ["all limits are kept"]))
    versions = ", ".join(f"{name} {engine_version(name)}" for name in ENGINES if installed(name))
    print(
        f"\n{bundle.manifest.model} {args.scheme}; {args.rounds} turns, the programs one after the other in each. CPU "
        f"(user and system) and wall time of whole processes: the least; of bare and more: CPU time beside the bare "
        f"script's of the same turn, the median of the turns. {versions}, numpy {np.__version__}, Python "
        f"{platform.python_version()}, {platform.machine()}, {cpu_name()}, load {load_before:.1f} before and "
        f"{os.getloadavg()[0]:.1f} after."
    )
    return 0


def cells(figures: Found, bare: Found) -> tuple[str, ...]:
    """The figures of one program as the table shows them."""
    least = figures.least
    return (
        f"{least.cpu_ms:.0f}", f"{least.wall_ms:.0f}", f"{figures.of_bare:.2f}", f"{figures.over_ms:+.1f}",
        f"{least.peak_rss_mib:.1f}", f"{least.peak_rss_mib - bare.least.peak_rss_mib:+.1f}",
    )  # fmt: skip


def misses(found: Mapping[str, Found]) -> list[str]:
    """The limits that one engine's programs do not keep, and why."""
    bare, ours, untested = found["bare"], found["load and predict"], found["without self-test"]
    missed = []
    if ours.of_bare > MAX_RATIO:
        missed.append(
            f"{ours.of_bare:.2f} of bare, limit {MAX_RATIO:.2f}: of {ours.over_ms:.1f} ms more, "
            f"{ours.over_ms - untested.over_ms:.1f} are the self-test, which runs the file on all golden inputs and "
            f"probes, and {untested.over_ms:.1f} our own modules, the manifest and the checks of the file"
        )
    over = ours.least.peak_rss_mib - bare.least.peak_rss_mib
    if over > MAX_MIB_OVER:
        missed.append(
            f"{over:.1f} MiB over bare, limit {MAX_MIB_OVER:.0f}: the file's bytes, read and hashed at once"
        )
    return missed


def programs_of(bundle: Bundle, variant: str, engine: str, folder: Path) -> dict[str, str]:
    """What is compared: a script without us; ours; ours without the self-test."""
    inputs = golden_rows(bundle)[:1]
    raw, row = folder / "raw.npy", folder / "row.npy"
    np.save(raw, inputs)
    np.save(row, inputs.astype(np.float32))
    file = str((bundle.path / bundle.manifest.variants[variant].file).resolve())
    plain = _SESSION if engine == "onnxruntime" else _INTERPRETER
    given = {"bundle": str(bundle.path.resolve()), "variant": variant, "engine": engine, "raw": str(raw)}
    return {
        "bare": plain.format(module=ENGINES[engine].module, file=file, row=str(row)) + _PEAK,
        "load and predict": _OURS.format(self_test=True, **given) + _PEAK,
        "without self-test": _OURS.format(self_test=False, **given) + _PEAK,
    }


def measure(programs: dict[str, str], rounds: int, folder: Path) -> dict[str, Found]:
    """What each program costs, beside the first of them."""
    samples: dict[str, list[Start]] = {name: [] for name in programs}
    for turn in range(rounds + 1):
        for name, program in programs.items():
            start = _start(program, folder)
            if turn:  # the first turn fills the file cache and writes .pyc files
                samples[name].append(start)
    first = samples[next(iter(programs))]
    found = {}
    for name, starts in samples.items():
        least = Start(*(float(min(column)) for column in zip(*starts, strict=True)))
        pairs = [(ours.cpu_ms, bare.cpu_ms) for ours, bare in zip(starts, first, strict=True)]
        found[name] = Found(
            least,
            float(np.median([ours / bare for ours, bare in pairs])),
            float(np.median([ours - bare for ours, bare in pairs])),
        )
    return found


def environment(folder: Path) -> dict[str, str]:
    """With compiled modules kept, as after an installation, nothing that asks for less, and one thread of BLAS.

    numpy starts the others as it is imported, and on a core that is free they spin for up to 60 ms of CPU time.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {
        "PYTHONPYCACHEPREFIX": str(folder / "pycache"), "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1",
    }  # fmt: skip


def _start(program: str, folder: Path) -> Start:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment(folder)
    )
    wall = perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise EdgeProofError(f"a program of the benchmark failed: {done.stderr.strip()[-300:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # VmHWM, not ru_maxrss: that one begins with the peak of the process it was forked from.
    peak = float(done.stdout.split()[-1]) / 1024 if done.stdout.strip() else 0.0
    return Start(cpu * 1000, wall * 1000, peak)


def import_ms(rounds: int, folder: Path) -> float:
    """What `import runtime` takes where numpy is imported already; median."""
    program = (
        "import numpy, time; begin = time.perf_counter(); import runtime; "
        "print((time.perf_counter() - begin) * 1000)"
    )
    variables = environment(folder)
    took = [
        float(subprocess.check_output([sys.executable, "-c", program], env=variables))
        for _ in range(rounds + 1)
    ]
    return float(np.median(took[1:]))
