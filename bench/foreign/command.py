"""The command: builds models made elsewhere, exports each as a user would, and prints what became of its rows."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from bench.foreign.foreign import Foreign
from bench.foreign.models import MODELS
from bench.layers.jobs import ROOT, Job, done
from runtime.commands.table import aligned
from runtime.errors import UsageError
from runtime.measure.machine import cpu_name
from runtime.measure.row import REPORT, STATUSES, MeasuredRow, rows_from_json

HEADER = ("model", "from", "inputs", "parameters", "given as", *STATUSES, "seconds")
_RIGHT = tuple(HEADER.index(name) for name in ("parameters", *STATUSES, "seconds"))


class Outcome(NamedTuple):
    """What became of one model: its measured rows; none, and why, where there is no report."""

    parameters: int | None
    rows: list[MeasuredRow]
    seconds: float
    problem: str = ""

    @property
    def failed(self) -> bool:
        """Whether the export would stop a build: a row failed, or there is none at all."""
        return bool(self.problem) or any(row.status == "failed" for row in self.rows)


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(prog="python -m bench foreign", description=__doc__)
    made.add_argument("models", metavar="MODEL", nargs="*", help="names of the table; default: all")
    made.add_argument("--list", action="store_true", help="print the models; builds nothing")
    made.add_argument("--targets", help="as for python -m export")
    made.add_argument(
        "--work", type=Path, metavar="FOLDER", help="keep models and reports there, in a folder each"
    )
    return made


def run(args: argparse.Namespace) -> int:
    """Prints the table; 1 when a row failed, or an export left no report.

    Raises:
        UsageError: a name is none of the table.
    """
    unknown = [name for name in args.models if name not in MODELS]
    if unknown:
        raise UsageError(f"unknown model {unknown[0]!r}; known: {', '.join(MODELS)}")
    chosen = [MODELS[name] for name in dict.fromkeys(args.models or MODELS)]
    if args.list:
        print(aligned(HEADER[:3], [(row.name, row.origin, row.given) for row in chosen]))
        return 0
    load_before, began = os.getloadavg()[0], monotonic()
    options = [] if args.targets is None else ["--targets", args.targets]
    temporary = tempfile.TemporaryDirectory(prefix="edgeproof-foreign-") if args.work is None else None
    with temporary or nullcontext(args.work) as work:
        outcomes = measured(chosen, Path(work).resolve(), options)
    print(text(chosen, outcomes))
    print(
        f"\none model after the other, each by `python -m export PATH --calibration samples.npz`; "
        f"{monotonic() - began:.0f} s with building them, {os.cpu_count()} cores. {cpu_name()}, "
        f"load {load_before:.1f} before."
    )
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def measured(models: Sequence[Foreign], work: Path, options: Sequence[str] = ()) -> list[Outcome]:
    """Builds all models in one process, and exports one after the other; `options` are of `python -m export`."""
    _say(f"building {len(models)} models")
    jobs: list[Job] = [{"name": model.name, "folder": str(work / model.name)} for model in models]
    outcomes = []
    for model, made in zip(models, done("bench.foreign.saving", jobs), strict=True):
        _say(f"exporting {model.name}")
        outcomes.append(
            Outcome(None, [], 0.0, made) if isinstance(made, str) else exported(model, made, options)
        )
    return outcomes


def exported(model: Foreign, made: dict[str, Any], options: Sequence[str] = ()) -> Outcome:
    """Exports one model; `made` says where it and its samples are, and how many parameters it has."""
    out = Path(made["path"]).parent / "out"
    command = [
        *(sys.executable, "-m", "export", made["path"], "--calibration", made["samples"], "--out", str(out)),
        *("--name", model.name, *model.options, *options),
        *([] if model.pixels is None else ["--pixels", model.pixels]),
    ]
    began = monotonic()
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds = monotonic() - began
    report = out / REPORT
    if report.exists():
        rows = rows_from_json(report.read_bytes(), str(report))
        return Outcome(made["parameters"], rows, seconds)
    return Outcome(made["parameters"], [], seconds, _last_line(process.stderr, process.returncode))


def _last_line(said: str, code: int) -> str:
    """Why there is no report: the line of the error, else the last one."""
    lines = [line for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error: ")]
    return f"exit code {code}: {(errors or lines or ['it says nothing'])[-1].removeprefix('error: ')}"


def text(models: Sequence[Foreign], outcomes: Sequence[Outcome]) -> str:
    """The table, and beneath it the reason of every row that is not ok."""
    both = list(zip(models, outcomes, strict=True))
    lines = [line for model, outcome in both for line in reasons(model, outcome)]
    table = aligned(HEADER, [cells(model, outcome) for model, outcome in both], right=_RIGHT)
    return "\n\n".join([table, *(["\n".join(lines)] if lines else [])])


def cells(model: Foreign, outcome: Outcome) -> tuple[str, ...]:
    """A row of the table."""
    count = Counter(row.status for row in outcome.rows)
    return (
        model.name,
        model.origin,
        model.given,
        "–" if outcome.parameters is None else f"{outcome.parameters:,}",
        model.form,
        *("–" if outcome.problem else str(count[status]) for status in STATUSES),
        f"{outcome.seconds:.0f}",
    )


def reasons(model: Foreign, outcome: Outcome) -> list[str]:
    """A line for each row that is not ok; rows of one model with the same verdict and reason share one."""
    if outcome.problem:
        return [f"{model.name}: no report: {outcome.problem}"]
    alike: dict[tuple[str, str], list[str]] = {}
    for row in outcome.rows:
        if row.status != "ok":
            alike.setdefault((row.status, row.reason or ""), []).append(f"{row.variant} on {row.engine}")
    return [
        f"{model.name}, {', '.join(names)}: {status}{reason and f': {reason}'}"
        for (status, reason), names in alike.items()
    ]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
