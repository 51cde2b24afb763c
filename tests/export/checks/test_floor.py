"""Without labels: garbage is caught, and what quantization does is not taken for it."""

import numpy as np
import pytest

from export.checks.floor import below_floor
from runtime.bundle.manifest import OutputRecord

CLASSES = OutputRecord("classes", (10,), "classification", labels=tuple("abcdefghij"))
VALUE = OutputRecord("value", (1,), "regression")


@pytest.fixture
def random():
    return np.random.default_rng(3)


def probabilities(random, rows, sharpness):
    logits = random.standard_normal((rows, 10)) * sharpness
    return (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sharpness", [3, 10])
def test_unrelated_answers_of_a_classifier_are_below_the_floor(seed, sharpness):
    random = np.random.default_rng(seed)
    expected, others = (probabilities(random, 32, sharpness) for _ in range(2))
    assert "this is another model" in below_floor(CLASSES, others, expected, 1.0)


def test_rounded_answers_are_above_the_floor(random):
    expected = probabilities(random, 32, 5)
    assert below_floor(CLASSES, np.round(expected * 16).astype(np.float32) / 16, expected, 1.0) == ""


def test_answers_of_an_untrained_classifier_that_round_to_nothing_are_above_the_floor():
    """A thousand classes of 0.001 each: none is sure, and eight bits have no step so small."""
    expected = np.full((8, 1000), 1e-3, np.float32)
    expected[:, 3] += 1e-5
    record = OutputRecord("classes", (1000,), "classification", labels=tuple(map(str, range(1000))))
    assert below_floor(record, np.zeros_like(expected), expected, 1.0) == ""


def test_sure_answers_that_are_turned_round_are_below_the_floor_where_the_errors_are_few():
    """Of a thousand classes each answer is one: garbage is off in two numbers of a thousand."""
    expected = np.eye(1000, dtype=np.float32)[:16]
    record = OutputRecord("classes", (1000,), "classification", labels=tuple(map(str, range(1000))))
    found = below_floor(record, np.roll(expected, 1, axis=1), expected, 1.0)
    assert "it agrees with the original's sure answers in 0%" in found


def test_a_constant_is_below_the_floor_of_a_regression_however_large_its_values(random):
    expected = (1000 + random.standard_normal((32, 1)) * 300).astype(np.float32)
    wide = float(np.ptp(expected))
    assert "dB from the original's" in below_floor(
        VALUE, np.full_like(expected, expected.mean()), expected, wide
    )
    assert below_floor(VALUE, expected + 30, expected, wide) == ""
    assert "nan dB" in below_floor(VALUE, expected * np.nan, expected, wide)
