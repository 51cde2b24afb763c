"""The check that all others rest on must fail when it should."""

import math

import numpy as np
import pytest

from runtime.bundle.manifest import DriftLimits, Tolerance
from runtime.errors import ParityError
from runtime.selftest import parity
from runtime.selftest.parity import check, check_drift, measure

EXPECTED = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]], np.float32)
TIGHT = Tolerance(1e-6, "a test")


def test_equal_outputs_agree():
    check(EXPECTED.copy(), EXPECTED, TIGHT)
    assert measure(EXPECTED.copy(), EXPECTED, "classification") == (0.0, 0.0, math.inf, 1.0)


def test_measures_are_those_of_the_definition():
    actual = EXPECTED + np.array([[0.1, 0, 0], [0, 0.3, 0]], np.float32)
    found = measure(actual, EXPECTED, "classification")
    error = actual.astype(float) - EXPECTED
    assert found.max_abs_error == pytest.approx(0.3, abs=1e-6)
    assert found.mean_abs_error == pytest.approx(0.4 / 6, abs=1e-6)
    assert found.sqnr_db == pytest.approx(
        10 * math.log10((EXPECTED.astype(float) ** 2).sum() / (error**2).sum())
    )
    assert found.top1_agreement == 0.5


@pytest.mark.parametrize("task", ["regression", "reconstruction", "tensor"])
def test_numbers_that_are_no_classes_have_no_top1(task):
    assert measure(EXPECTED, EXPECTED, task).top1_agreement is None


def test_the_class_of_each_step_is_that_of_the_last_axis():
    expected = np.zeros((2, 3, 4), np.float32)
    expected[..., 1] = 1
    actual = expected.copy()
    actual[1, 2] = [0, 0, 0, 1]
    found = measure(actual, expected, "classification")
    assert found.top1_agreement == 5 / 6 and found.max_abs_error == 1


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_two_probabilities_agree_on_one_side_of_a_half(task):
    expected = np.float32([[0.5, 0.9], [0.1, 0.49]])
    actual = np.float32([[0.6, 0.4], [0.2, 0.5]])
    assert measure(actual, expected, task).top1_agreement == 0.5


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool"])
def test_whole_numbers_are_compared_as_numbers(dtype):
    expected = np.array([[0, 1, 1]]).astype(dtype)
    actual = np.array([[0, 0, 1]]).astype(dtype)
    found = measure(actual, expected, "tensor")
    assert found.max_abs_error == 1 and found.mean_abs_error == pytest.approx(1 / 3)
    check(expected.copy(), expected, TIGHT)
    with pytest.raises(ParityError, match="largest error is 1,"):
        check(actual, expected, TIGHT)


def test_whole_numbers_that_float64_does_not_tell_apart_differ_all_the_same():
    expected = np.int64([1 << 60])
    assert measure(expected + 1, expected, "tensor").max_abs_error == 1
    with pytest.raises(ParityError, match="largest error is 1,"):
        check(expected + 1, expected, TIGHT)
    with pytest.raises(ParityError, match="from those recorded at export"):
        check_drift(expected + 1, [expected], DriftLimits(0.5, 0.5, "a test"))


def test_outputs_of_a_dtype_that_no_output_has_are_refused():
    with pytest.raises(ParityError, match="the outputs are float64, expected one of float32, int32, int64"):
        measure(EXPECTED.astype(float), EXPECTED.astype(float), "tensor")


def test_one_number_a_row_is_compared():
    check(EXPECTED[:, 0], EXPECTED[:, 0].copy(), TIGHT)
    with pytest.raises(ParityError, match="largest error"):
        check(EXPECTED[:, 0] + np.float32(1), EXPECTED[:, 0], TIGHT)


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
    with pytest.raises(ParityError, match="with n ≥ 1"):
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


def test_rows_of_any_rank_are_rows():
    recorded = np.zeros((32, 2, 3), np.float32)
    answers = recorded.copy()
    answers[:4] += np.float32(0.01)
    check_drift(answers, [recorded], LIMITS)
    answers[4, 1, 2] += np.float32(0.01)
    with pytest.raises(ParityError, match=r"0\.01 in most rows"):
        check_drift(answers, [recorded], LIMITS)


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


def test_few_rows_are_refused_no_more_often_than_many():
    """Where one row in 16 is further off than most, as on boards, a sound file is seldom refused, few rows or many."""

    def refused(rows: int, single: int) -> float:
        return 1 - sum(math.comb(rows, n) * 15 ** (rows - n) / 16**rows for n in range(single + 1))

    assert [parity.single_rows(rows) for rows in (4, 7, 8, 11, 16, 24, 32)] == [1, 1, 2, 2, 3, 4, 4]
    assert max(refused(rows, parity.single_rows(rows)) for rows in range(4, 33)) < 0.07
    assert refused(11, 11 // 8) > 0.14  # what a fixed fraction would do
    moved = np.zeros((11, 2), np.float32)
    moved[:2] = 0.5
    assert parity.drift(moved, np.zeros_like(moved)) == (0.5, 0.0)
    moved[2] = 0.25
    assert parity.drift(moved, np.zeros_like(moved)) == (0.5, 0.25)
