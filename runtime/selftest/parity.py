"""Parity: measures how well one array of outputs agrees with another, and checks it against a tolerance."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from runtime.bundle.manifest import DTYPES, DriftLimits, Tolerance
from runtime.errors import ParityError
from runtime.namedtuples import FastNamedTuple

_DTYPES = frozenset(map(np.dtype, DTYPES))
_RARE, _MOST_SINGLE = 8, 4


class Parity(FastNamedTuple):
    """How well outputs agree with the expected ones.

    Attributes:
        max_abs_error: the largest error, in output units.
        mean_abs_error: the mean error, in output units.
        sqnr_db: the power of the expected outputs over that of the error, in dB; inf where they are equal.
        top1_agreement: the fraction of answers that are the same class: of a classification the largest along the last
            axis, of a binary or multilabel the side of 0.5; None for other tasks.
    """

    max_abs_error: float
    mean_abs_error: float
    sqnr_db: float
    top1_agreement: float | None


def measure(actual: Any, expected: Any, task: str) -> Parity:
    """Measures how well `actual` agrees with `expected`.

    Args:
        actual: outputs [n, …] with at least one element, of any dtype that an output may have.
        expected: what they should be, of the same shape and dtype.
        task: what the outputs mean; it says what is a class.

    Raises:
        ParityError: they cannot be compared: no arrays, other dtypes or shapes, no rows, NaN or Inf.
    """
    for name, array in (("actual", actual), ("expected", expected)):
        if not isinstance(array, np.ndarray):
            raise ParityError(f"the {name} outputs are a {type(array).__name__}, not an array")
    if actual.dtype != expected.dtype:
        raise ParityError(f"the actual outputs are {actual.dtype}, expected {expected.dtype}")
    if expected.dtype not in _DTYPES:
        raise ParityError(f"the outputs are {expected.dtype}, expected one of {', '.join(DTYPES)}")
    if actual.shape != expected.shape:
        raise ParityError(f"the outputs have the shape {list(actual.shape)}, expected {list(expected.shape)}")
    if not expected.size or not expected.ndim:
        raise ParityError(f"the outputs have the shape {list(expected.shape)}, expected [n, …] with n ≥ 1")
    for name, array in (("actual", actual), ("expected", expected)):
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            raise ParityError(f"{bad} of {array.size} {name} outputs are NaN or infinite")
    error, wanted = _errors(actual, expected), expected.astype(np.float64)
    noise = float(np.sum(error * error))
    signal = float(np.sum(wanted * wanted))
    sqnr_db = math.inf if noise == 0 else 10 * math.log10(signal / noise) if signal else -math.inf
    return Parity(float(error.max()), float(error.mean()), sqnr_db, _agreement(actual, expected, task))


def _errors(actual: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The distance of each element, in float64: that of a good float32 variant is close to what float32 resolves."""
    error: np.ndarray = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
    # Float64 does not tell large whole numbers apart.
    return error if expected.dtype.kind == "f" else np.maximum(error, actual != expected)


def _agreement(actual: np.ndarray, expected: np.ndarray, task: str) -> float | None:
    if task == "classification":
        return float(np.mean(np.argmax(actual, axis=-1) == np.argmax(expected, axis=-1)))
    if task in ("binary", "multilabel"):
        return float(np.mean((actual >= 0.5) == (expected >= 0.5)))
    return None


def check_measured(found: Parity, tolerance: Tolerance) -> None:
    """Raises ParityError where the largest error that was found is above the tolerance."""
    # Written so that a NaN tolerance fails too.
    if not found.max_abs_error <= tolerance.max_abs_error:
        raise ParityError(
            f"the largest error is {found.max_abs_error:.3g}, above the tolerance of "
            f"{tolerance.max_abs_error:.3g} ({tolerance.reason})"
        )


def check(actual: Any, expected: Any, tolerance: Tolerance) -> None:
    """Raises ParityError where the largest error is above the tolerance, or the outputs cannot be compared."""
    check_measured(measure(actual, expected, "tensor"), tolerance)


def single_rows(rows: int) -> int:
    """How many of so many rows may be further off than most: 4 of 32, 2 of 8 to 15, 1 of less than 8.

    Of 32 rows, Raspberry Pi boards move up to 2 (docs/arm.md). Where one row in 16 moves, more rows than these do in at
    most 7 % of cases, whatever their number; a fixed fraction would refuse sound files that have few rows.
    """
    return min(_MOST_SINGLE, rows // _RARE + 1, rows - 1)


def drift(actual: Any, recorded: np.ndarray) -> tuple[float, float]:
    """How far `actual` is from recorded outputs [n, …] in the furthest row, and in all but `single_rows`.

    Raises:
        ParityError: they cannot be compared.
    """
    measure(actual, recorded, "tensor")
    rows = _errors(actual, recorded).reshape(len(recorded), -1).max(axis=1)
    rows.sort()
    return float(rows[-1]), float(rows[-1 - single_rows(len(rows))])


def check_drift(actual: Any, recordings: Sequence[np.ndarray], limits: DriftLimits) -> None:
    """Checks that `actual` agrees with one of the recorded outputs; all are [n, …] of one dtype.

    There is one recording for each engine that the file was verified on: their kernels round differently, and a later
    version of one engine may have taken over the kernels of another.

    Raises:
        ParityError: `actual` is beyond the limits of every recording.
    """
    nearest: tuple[float, float] | None = None
    for recorded in recordings:
        found = drift(actual, recorded)
        if found[0] <= limits.max_abs_error and found[1] <= limits.usual_abs_error:
            return
        nearest = min(found, nearest or found)
    if nearest is not None:
        raise ParityError(
            f"the answers are up to {nearest[0]:.3g} from those recorded at export, {nearest[1]:.3g} in most "
            f"rows; allowed are {limits.max_abs_error:.3g} and {limits.usual_abs_error:.3g} ({limits.reason})"
        )
