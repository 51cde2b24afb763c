"""The check that all others rest on must fail when it should."""

import math

import numpy as np
import pytest

from runtime.bundle.manifest import DriftLimits, Tolerance
from runtime.errors import ParityError
from runtime.selftest.parity import check, check_drift, measure

EXPECTED = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]], np.float32)
TIGHT = Tolerance(1e-6, "a test")


def test_equal_outputs_agree():
    found = check(EXPECTED.copy(), EXPECTED, TIGHT)
    assert found == (0.0, 0.0, math.inf, 1.0)


def test_measures_are_those_of_the_definition():
    actual = EXPECTED + np.array([[0.1, 0, 0], [0, 0.3, 0]], np.float32)
    found = measure(actual, EXPECTED)
    error = actual.astype(float) - EXPECTED
    assert found.max_abs_error == pytest.approx(0.3, abs=1e-6)
    assert found.mean_abs_error == pytest.approx(0.4 / 6, abs=1e-6)
    assert found.sqnr_db == pytest.approx(
        10 * math.log10((EXPECTED.astype(float) ** 2).sum() / (error**2).sum())
    )
    assert found.top1_agreement == 0.5


def test_a_single_output_has_no_top1():
    assert measure(EXPECTED[:, :1], EXPECTED[:, :1]).top1_agreement is None


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda y: y + np.float32(1e-3), "largest error is 0.001, above the tolerance of 1e-06 (a test)"),
        (lambda y: y[::-1].copy(), "largest error"),
        (lambda y: np.roll(y, 1, axis=1), "largest error"),
        (lambda y: np.full_like(y, np.nan), "6 of 6 actual outputs are NaN or infinite"),
        (lambda y: np.where(y == y.max(), np.float32(np.inf), y), "1 of 6 actual outputs"),
        (lambda y: y[:1], "shape [1, 3], expected [2, 3]"),
        (lambda y: y[:, :1], "shape [2, 1], expected [2, 3]"),
        (lambda y: y[0], "shape [3], expected [2, 3]"),
        (lambda y: y[None], "shape [1, 2, 3], expected [2, 3]"),
        (lambda y: y.astype(np.float64), "actual outputs are float64, expected float32"),
        (lambda y: y.astype(">f4"), "expected float32"),
        (lambda y: y.tolist(), "actual outputs are a list, not an array"),
        (lambda y: None, "NoneType"),
    ],
)
def test_spoilt_outputs_are_refused(spoil, words):
    with pytest.raises(ParityError, match=words.replace("[", r"\[").replace("(", r"\(").replace(")", r"\)")):
        check(spoil(EXPECTED), EXPECTED, TIGHT)


def test_nan_against_nan_is_refused():
    nan = np.full((2, 3), np.nan, np.float32)
    with pytest.raises(ParityError, match="NaN"):
        check(nan, nan, TIGHT)


def test_no_rows_prove_nothing():
    with pytest.raises(ParityError, match="n, k ≥ 1"):
        check(EXPECTED[:0], EXPECTED[:0], TIGHT)


def test_a_tolerance_of_nan_tolerates_nothing():
    with pytest.raises(ParityError):
        check(EXPECTED.copy(), EXPECTED, Tolerance(math.nan, "a mistake"))


ROWS = np.random.default_rng(1).random((64, 3)).astype(np.float32)
LIMITS = DriftLimits(0.02, 1e-5, "a test")


def moved(rows, step):
    """32 recorded rows, and the same with some of them moved."""
    recorded = np.tile(EXPECTED[:1], (32, 1))
    answers = recorded.copy()
    answers[:rows, 0] += np.float32(step)
    return answers, [recorded]


def test_few_rows_may_be_rounded_the_other_way():
    """As on a Raspberry Pi: 3 % of the rows of an int8 file are one step from those recorded on x86."""
    limits = DriftLimits(0.02, 1e-5, "a test")
    check_drift(*moved(0, 0), limits)
    check_drift(*moved(4, 1 / 256), limits)
    for rows, step in ((5, 1 / 256), (1, 0.03)):
        with pytest.raises(ParityError, match=r"from those recorded at export.*\(a test\)"):
            check_drift(*moved(rows, step), limits)


def test_any_one_recording_is_enough_but_never_a_mixture_of_two():
    other = ROWS + np.float32(1)
    check_drift(other, [ROWS, other], LIMITS)
    half = np.concatenate([ROWS[:32], other[32:]])
    with pytest.raises(ParityError, match="from those recorded at export"):
        check_drift(half, [ROWS, other], LIMITS)


@pytest.mark.parametrize(
    "spoil", [lambda y: y[:32], lambda y: y.astype(float), lambda y: y * np.float32("nan")]
)
def test_answers_that_cannot_be_compared_with_recorded_ones_are_refused(spoil):
    with pytest.raises(ParityError):
        check_drift(spoil(ROWS), [ROWS], LIMITS)
