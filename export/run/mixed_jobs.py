"""What the search for a mixed file runs inside the worker processes: build a file, measure it, forget it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from data.original import Original
from export.checks.answers import in_chunks, rows
from export.checks.gate import Demand
from export.checks.halves import half
from export.checks.spread import spreads
from export.formats.format import Conversion, Format
from export.quantization.groups import Group
from export.run import jobs
from export.targets import Target
from export.trained.samples import load_test_data
from runtime.measure.row import MeasuredRow

RANKED_BY = 256  # samples of the half that is searched with: groups differ by far more than these err
Value = TypeVar("Value")


@dataclass(frozen=True)
class Measured:
    """What the gate found of one mixture on the search's half, and how large its file is."""

    row: MeasuredRow
    size_bytes: int


def find_groups(format_: Format, conversion: Conversion) -> list[Group]:
    """The groups of layers that an int8 file of the model quantizes, in the order of its graph."""
    assert format_.mixing is not None, f"{format_.name} has no mixed scheme"
    return format_.mixing.groups(conversion)


def outputs_error(
    format_: Format, conversion: Conversion, engine: str, original: Original, data_dir: str | None
) -> float:
    """How far the outputs of a mixture are from the original's: mean squares, as fractions of the outputs' spreads."""
    reference = original.reference()
    assert reference is not None, "there is nothing to compare with"
    test = load_test_data(original, data_dir)
    asked = half(len(test), "search")[:RANKED_BY]

    def measure(path: Path) -> float:
        answers = in_chunks(jobs.runner(engine, path), original, rows(test.inputs, asked))
        return sum(
            float(np.mean(((answers[name] - reference[name][asked]) / wide) ** 2))
            for name, wide in spreads(original).items()
        )

    return _with_file(format_, conversion, measure)


def judge_mixture(
    format_: Format,
    conversion: Conversion,
    row: MeasuredRow,
    original: Original,
    target: Target,
    data_dir: str | None,
    demand: Demand,
) -> Measured:
    """What the gate says of a mixture on the search's half of the test data."""

    def measure(path: Path) -> Measured:
        verdict = jobs.judge_file(row, path, original, target, (data_dir,), demand, "search")
        return Measured(verdict.row, path.stat().st_size)

    return _with_file(format_, conversion, measure)


def _with_file(format_: Format, conversion: Conversion, measure: Callable[[Path], Value]) -> Value:
    """What is measured of a mixture's file, which is gone afterwards; with no groups kept it is the int8 file."""
    try:
        jobs.build(format_, "int8-mixed" if conversion.higher else "int8", conversion)
        return measure(conversion.destination)
    finally:
        conversion.destination.unlink(missing_ok=True)
