"""The command: exports the rows asked for, runs each file on each engine, and prints docs/layers.md."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.layers import page
from bench.layers.jobs import done
from bench.layers.page import Cell
from bench.layers.row import Row
from bench.layers.rows import ROWS
from runtime.backends import ENGINES, installed
from runtime.errors import UsageError


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(
        prog="python -m bench layers",
        description="Exports every layer of Keras and compares the files with Keras.",
    )
    made.add_argument(
        "patterns",
        metavar="PATTERN",
        nargs="*",
        help="only rows whose name has one of these regular expressions",
    )
    return made


def run(args: argparse.Namespace) -> int:
    """Prints the page; exit code 1 where an answer is wrong or something fails without a rule that refuses it."""
    rows = [row for row in ROWS if not args.patterns or any(re.search(p, row.name) for p in args.patterns)]
    if not rows:
        raise UsageError(f"no row has {' or '.join(args.patterns)}; rows are named like {ROWS[0].name}")
    with tempfile.TemporaryDirectory(prefix="edgeproof-layers-") as work:
        cells = measured(rows, Path(work))
    print(page.text(rows, cells))
    return 1 if any(cell.wrong for cell in cells.values()) else 0


def measured(rows: Sequence[Row], work: Path) -> dict[tuple[Row, str], Cell]:
    """What becomes of each row on each engine that is installed."""
    folders = {row: work / str(number) for number, row in enumerate(rows)}
    built, refused = _built(rows, folders)
    cells: dict[tuple[Row, str], Cell] = {}
    for engine in filter(installed, ENGINES):
        form = ENGINES[engine].format
        for row in rows:
            if (row, form) not in built:
                cells[row, engine] = Cell(reason=refused[row, form])
        files = [row for row in rows if (row, form) in built]
        _say(f"{len(files)} files on {engine}")
        jobs = [
            {
                "engine": engine,
                "file": str(folders[row] / f"model.{form}"),
                "answers": str(folders[row] / "answers.npz"),
            }
            for row in files
        ]
        for row, found in zip(files, done("bench.layers.running", jobs), strict=True):
            cells[row, engine] = Cell(reason=found) if isinstance(found, str) else Cell(difference=found)
    return cells


def _built(
    rows: Sequence[Row], folders: dict[Row, Path]
) -> tuple[set[tuple[Row, str]], dict[tuple[Row, str], str]]:
    """The files that were made, as (row, format), and why the others were not."""
    built: set[tuple[Row, str]] = set()
    refused: dict[tuple[Row, str], str] = {}
    _say(f"{len(rows)} models")
    models = []
    for row, reason in _steps("keras", rows, folders):
        if reason is None:
            models.append(row)
        else:
            refused |= dict.fromkeys(((row, "tflite"), (row, "onnx")), reason)
    for form in ("tflite", "onnx"):
        _say(f"{len(models)} models to {form}")
        for row, reason in _steps(form, models, folders):
            if reason is None:
                built.add((row, form))
            else:
                refused[row, form] = reason
    return built, refused


def _steps(step: str, rows: Sequence[Row], folders: dict[Row, Path]) -> Iterator[tuple[Row, str | None]]:
    jobs = [{"step": step, "row": row.name, "folder": str(folders[row])} for row in rows]
    return zip(rows, done("bench.layers.exporting", jobs), strict=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
