"""The command: exports the rows asked for to all targets, runs each file on each engine, prints docs/layers.md."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from bench.layers import page
from bench.layers.exporting import file_of
from bench.layers.jobs import Answers, Job
from bench.layers.page import Cell
from bench.layers.row import Row
from bench.layers.rows import ROWS
from export.formats.table import FORMATS
from export.targets import PLAIN, Target
from runtime.backends import installed
from runtime.errors import UsageError

Cells = dict[tuple[Row, str], Cell]
JUMPING = 0.9  # the share of an answer's numbers that are compared where an answer jumps


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(
        prog="python -m bench layers",
        description="Exports every layer of Keras to every target and compares the files with Keras.",
    )
    made.add_argument(
        "patterns",
        metavar="PATTERN",
        nargs="*",
        help="only rows whose name has one of these regular expressions",
    )
    made.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="processes at the same time (1)")
    made.add_argument(
        "--work",
        type=Path,
        metavar="FOLDER",
        help="keep files and answers there, and go on from what an earlier run of the same code has left",
    )
    return made


def run(args: argparse.Namespace) -> int:
    """Prints the page; exit code 1 where an answer is wrong, or something fails and nobody says what to do."""
    rows = [row for row in ROWS if not args.patterns or any(re.search(p, row.name) for p in args.patterns)]
    if not rows:
        raise UsageError(f"no row has {' or '.join(args.patterns)}; rows are named like {ROWS[0].name}")
    temporary = tempfile.TemporaryDirectory(prefix="edgeproof-layers-") if args.work is None else None
    with temporary or nullcontext(args.work) as work:
        Path(work).mkdir(parents=True, exist_ok=True)
        cells = measured(rows, Path(work), args.jobs)
    print(page.text(rows, cells))
    return 1 if any(cell.wrong for cell in cells.values()) else 0


def measured(rows: Sequence[Row], work: Path, processes: int = 1) -> Cells:
    """What becomes of each row at each target, on each of its engines that is installed."""
    bench = _Bench(work, Answers(work / "answers.jsonl", processes))
    _say(f"{len(rows)} models")
    made = bench.exported("keras", 0, rows)
    cells: Cells = {}
    for row in rows:
        if not isinstance(made[row], list):
            cells |= {(row, name): Cell.not_built(made[row]) for name in PLAIN}
    models = [row for row in rows if isinstance(made[row], list)]
    for target in PLAIN.values():
        _say(f"{len(models)} models to {target.name}")
        cells |= bench.cells(target, models, cells)
    return cells


class _Bench:
    def __init__(self, work: Path, answers: Answers) -> None:
        self._work, self._answers = work, answers

    def cells(self, target: Target, rows: Sequence[Row], before: Cells) -> Cells:
        """The rows at one target: of the rungs of a static scheme, the first of those that most engines run."""
        cells: Cells = {}
        # A format that cannot express the model has no other files either.
        for row in rows:
            source = before.get((row, target.source)) if target.source not in (None, "saved_model") else None
            if source is not None and not source.built:
                cells[row, target.name] = source
        left = [row for row in rows if (row, target.name) not in cells]
        rungs = FORMATS[target.format].rungs if target.calibrated else ("",)
        for rung in range(len(rungs)):
            found = self._rung(target, rung, left)
            for row, cell in found.items():
                best = cells.get((row, target.name))
                if best is None or len(cell.right) > len(best.right):
                    cells[row, target.name] = cell
            left = [row for row in left if not cells[row, target.name].whole and not found[row].pointless]
        return cells

    def _rung(self, target: Target, rung: int, rows: Sequence[Row]) -> dict[Row, Cell]:
        if target.format == "saved_model":
            made: dict[Row, Any] = {row: [] for row in rows}  # it was made with the model
        else:
            made = self.exported(target.name, rung, rows)
        files = [row for row in rows if isinstance(made[row], list)]
        found = {row: Cell.not_built(made[row]) for row in rows if row not in files}
        answers: dict[Row, dict[str, Any]] = {row: {} for row in files}
        for engine in target.engines:
            if engine == "tensorflow" or installed(engine):
                for row, answer in zip(files, self._ran(target.name, rung, engine, files), strict=True):
                    answers[row][engine] = answer
        return found | {
            row: Cell(target.scheme, rung, tuple(made[row]), answers=answers[row]) for row in files
        }

    def exported(self, step: str, rung: int, rows: Sequence[Row]) -> dict[Row, Any]:
        """What the step says of each row."""
        jobs: list[Job] = [
            {"step": step, "rung": rung, "row": row.name, "folder": str(self._folder(row))} for row in rows
        ]
        return dict(zip(rows, self._answers.of("bench.layers.exporting", jobs), strict=True))

    def _ran(self, name: str, rung: int, engine: str, rows: Sequence[Row]) -> list[Any]:
        jobs: list[Job] = [
            {
                "engine": engine,
                "file": str(file_of(name, rung, self._folder(row))),
                "answers": str(self._folder(row) / "answers.npz"),
                "share": JUMPING if row.jumps and PLAIN[name].scheme != "float32" else 1.0,
            }
            for row in rows
        ]
        return self._answers.of("bench.layers.running", jobs)

    def _folder(self, row: Row) -> Path:
        return self._work / str(ROWS.index(row))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
