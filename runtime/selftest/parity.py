"""Parity: measures how well one array of outputs agrees with another, and checks it against a tolerance."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from runtime.bundle.manifest import DriftLimits, Tolerance
from runtime.errors import ParityError
from runtime.namedtuples import FastNamedTuple

_FLOAT32 = np.dtype(np.float32)
_RARE = 8  # one row in so many; of 32 rows, Raspberry Pi boards move up to 2 (docs/arm.md)


class Parity(FastNamedTuple):
    """How well outputs agree with the expected ones.

    Attributes:
        max_abs_error: the largest error, in output units.
        mean_abs_error: the mean error, in output units.
        sqnr_db: the power of the expected outputs over that of the error, in dB; inf where they are equal.
        top1_agreement: the fraction of rows with the same arg max; None for a single output.
    """

    max_abs_error: float
    mean_abs_error: float
    sqnr_db: float
    top1_agreement: float | None


def measure(actual: Any, expected: Any) -> Parity:
    """Measures how well `actual` agrees with `expected`, both float32 [n, k] with n, k ≥ 1.

    Raises:
        ParityError: they cannot be compared: no arrays, other dtypes or shapes, no rows, NaN or Inf.
    """
    for name, array in (("actual", actual), ("expected", expected)):
        if not isinstance(array, np.ndarray):
            raise ParityError(f"the {name} outputs are a {type(array).__name__}, not an array")
        if array.dtype != _FLOAT32:
            raise ParityError(f"the {name} outputs are {array.dtype}, expected float32")
    if actual.shape != expected.shape:
        raise ParityError(f"the outputs have the shape {list(actual.shape)}, expected {list(expected.shape)}")
    if expected.ndim != 2 or 0 in expected.shape:
        raise ParityError(f"the outputs have the shape {list(expected.shape)}, expected [n, k] with n, k ≥ 1")
    for name, array in (("actual", actual), ("expected", expected)):
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        if bad:
            raise ParityError(f"{bad} of {array.size} {name} outputs are NaN or infinite")
    # In float64 from here on: the error of a good float32 variant is close to what float32 can resolve.
    wanted = expected.astype(np.float64)
    error = np.abs(actual - wanted)
    noise = float(np.sum(error * error))
    signal = float(np.sum(wanted * wanted))
    sqnr_db = math.inf if noise == 0 else 10 * math.log10(signal / noise) if signal else -math.inf
    top1 = None
    if expected.shape[1] > 1:
        top1 = float(np.mean(np.argmax(actual, axis=1) == np.argmax(expected, axis=1)))
    return Parity(float(error.max()), float(error.mean()), sqnr_db, top1)


def check(actual: Any, expected: Any, tolerance: Tolerance) -> Parity:
    """Measures how well `actual` agrees with `expected`, as `measure` does.

    Raises:
        ParityError: the largest error is above the tolerance, or they cannot be compared.
    """
    found = measure(actual, expected)
    check_measured(found, tolerance)
    return found


def check_measured(found: Parity, tolerance: Tolerance) -> None:
    """Raises ParityError where the largest error that was found is above the tolerance."""
    # Written so that a NaN tolerance fails too.
    if not found.max_abs_error <= tolerance.max_abs_error:
        raise ParityError(
            f"the largest error is {found.max_abs_error:.3g}, above the tolerance of "
            f"{tolerance.max_abs_error:.3g} ({tolerance.reason})"
        )


def check_drift(actual: Any, recordings: Sequence[np.ndarray], limits: DriftLimits) -> None:
    """Checks that `actual` agrees with one of the recorded outputs; all are float32 [n, k].

    There is one recording for each engine that the file was verified on: their kernels round differently, and a later
    version of one engine may have taken over the kernels of another.

    Raises:
        ParityError: `actual` is beyond the limits of every recording.
    """
    nearest: tuple[float, float] | None = None
    for recorded in recordings:
        measure(actual, recorded)
        rows = np.abs(actual - recorded.astype(np.float64)).max(axis=1)
        rows.sort()
        found = float(rows[-1]), float(rows[-1 - len(rows) // _RARE])
        if found[0] <= limits.max_abs_error and found[1] <= limits.usual_abs_error:
            return
        nearest = min(found, nearest or found)
    if nearest is not None:
        raise ParityError(
            f"the answers are up to {nearest[0]:.3g} from those recorded at export, {nearest[1]:.3g} in most "
            f"rows; allowed are {limits.max_abs_error:.3g} and {limits.usual_abs_error:.3g} ({limits.reason})"
        )
