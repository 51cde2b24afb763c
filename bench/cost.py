"""`python -m bench cost`: what an export takes, against the parameters of the model: time, memory, bundle."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

import psutil

from data.original import Original
from export.trained.search import find_original, model_names, search_roots
from runtime.commands.table import aligned
from runtime.errors import EdgeProofError, UsageError
from runtime.measure.machine import cpu_name
from runtime.measure.row import REPORT, rows_from_json

_EVERY_S = 0.1
_MIB = 1 << 20


class Cost(NamedTuple):
    """Of one export: its wall time, the most memory that its processes held at one moment, and what it made."""

    seconds: float
    peak_bytes: int
    rows: int
    failed: int
    bundle_bytes: int


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(prog="python -m bench cost", description=__doc__)
    made.add_argument("models", metavar="MODEL", nargs="*", help="trained models; default: all of artifacts/")
    for option in ("--targets", "--data-dir"):
        made.add_argument(option, help="as for python -m export")
    return made


def run(args: argparse.Namespace) -> int:
    """Exports each model, one after the other, and prints the table; 1 when a row of an export failed."""
    folders = search_roots(Path("artifacts"))
    chosen = [find_original(name, folders) for name in args.models or model_names(folders)]
    if not chosen:
        raise UsageError("no trained model in artifacts/; train one: python -m train mnist-cnn")
    chosen.sort(key=lambda original: original.record.parameters)
    load_before = os.getloadavg()[0]
    options = []
    for option, value in (("--targets", args.targets), ("--data-dir", args.data_dir)):
        options += [option, value] if value is not None else []
    costs = []
    for original in chosen:
        print(f"exporting {original.name}", file=sys.stderr)
        costs.append(measure(original, options))
    header = ("model", "parameters", "rows", "failed", "export s", "peak MiB", ".keras MiB", "bundle MiB")
    rows = [cells(original, cost) for original, cost in zip(chosen, costs, strict=True)]
    print(aligned(header, rows, right=(1, 2, 3, 4, 5, 6, 7)))
    print(
        f"\none model after the other, each by `python -m export MODEL --force` ({os.cpu_count()} at a time); peak: "
        f"the most that all its processes held at one moment, shared pages counted once, looked at every "
        f"{_EVERY_S} s. {cpu_name()}, load {load_before:.1f} before."
    )
    return 1 if any(cost.failed for cost in costs) else 0


def cells(original: Original, cost: Cost) -> tuple[str, ...]:
    """A row of the table."""
    sizes = (cost.peak_bytes, original.model.stat().st_size, cost.bundle_bytes)
    peak, keras, bundle = (size / _MIB for size in sizes)
    return (
        original.name,
        f"{original.record.parameters:,}",
        str(cost.rows),
        str(cost.failed),
        f"{cost.seconds:.0f}",
        f"{peak:,.0f}",
        f"{keras:,.2f}",
        f"{bundle:,.2f}",
    )


def measure(original: Original, options: Sequence[str] = ()) -> Cost:
    """Exports one model into a folder of its own, which is removed; EdgeProofError when there is no report.

    `options` are those of `python -m export`.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "export", original.name, "--force", "--out", folder, *options]
        began = monotonic()
        with psutil.Popen(command, stdout=subprocess.DEVNULL) as process:
            peak = 0
            while process.poll() is None:
                peak = max(peak, held(process))
                sleep(_EVERY_S)
        seconds = monotonic() - began
        report = Path(folder) / REPORT
        if not report.exists():
            raise EdgeProofError(
                f"the export of {original.name} ended with exit code {process.returncode}, see above"
            )
        rows = rows_from_json(report.read_bytes(), str(report))
        failed = sum(row.status == "failed" for row in rows)
        files = (Path(folder) / original.name / "bundle").rglob("*")
        return Cost(
            seconds, peak, len(rows), failed, sum(file.stat().st_size for file in files if file.is_file())
        )


def held(process: psutil.Process) -> int:
    """The bytes that a process and its descendants hold: proportional set sizes, so shared pages count once."""
    total = 0
    with suppress(psutil.Error):  # they end while they are looked at
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += one.memory_full_info().pss
    return total
