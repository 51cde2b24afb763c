"""Looks in between cost no certainty: simulated pairs that are looked at again and again."""

import numpy as np
import pytest

from export.checks import interim
from export.checks.statistics import compare
from tests.export.checks.test_statistics import pairs


def test_a_fast_row_is_looked_at_once_and_a_slow_one_in_halves():
    assert interim.looks(10_000, 0.00002) == [10_000]
    assert interim.looks(10_000, 0.01) == [1250, 2500, 5000, 10_000]
    assert interim.looks(40_000, 0.01) == [2500, 5000, 10_000, 20_000, 40_000]
    assert interim.looks(2500, 0.01) == [1250, 2500]
    assert interim.looks(1500, 0.01) == [1500]
    assert interim.looks(40, 10.0) == [40]


def test_parity_is_looked_at_once_on_what_is_not_slow():
    assert interim.for_parity(10_000, 0.00002) == [10_000]
    assert interim.for_parity(10_000, 0.0001) == [2500]
    assert interim.for_parity(10_000, 1.0) == [1000]
    assert interim.for_parity(40, 10.0) == interim.for_parity(40, 0.0) == [40]


def test_fewer_samples_than_at_the_first_look_would_prove_nothing():
    """Of 1,250 samples, equal answers prove the usual budget of 0.3 points at the first of four looks; of 1,000 not."""
    sure = interim.confidence(4)
    assert compare("accuracy", *[np.ones((1250, 1))] * 2, sure).high <= 0.003
    assert compare("accuracy", *[np.ones((interim.FEWEST, 1))] * 2, sure).high > 0.003


def test_the_order_is_a_shuffle_and_the_same_each_time():
    found = interim.order(100)
    assert sorted(found) == list(range(100)) and list(found) != sorted(found)
    assert np.array_equal(found, interim.order(100))


def test_one_look_has_95_percent_and_each_of_several_more():
    assert interim.confidence(1) == 0.95
    assert [interim.confidence(number) for number in (2, 5)] == pytest.approx([0.9707, 0.9871], abs=1e-4)


@pytest.mark.parametrize("looks", interim.CRITICAL)
def test_the_critical_values_are_those_of_looks_that_double_the_samples(looks):
    """Of sums of independent normal numbers, the largest of all looks exceeds the value in 5 % of cases."""
    random = np.random.default_rng(3)
    draws = 400_000
    total = random.standard_normal(draws)
    largest = np.abs(total)
    for doubled in range(1, looks):
        total += random.standard_normal(draws) * 2 ** ((doubled - 1) / 2)  # as many samples again
        largest = np.maximum(largest, np.abs(total) / 2 ** (doubled / 2))
    assert np.mean(largest > interim.CRITICAL[looks]) == pytest.approx(0.05, abs=0.001)


def test_all_looks_together_call_equal_variants_different_in_at_most_5_percent():
    random = np.random.default_rng(21)
    steps = interim.looks(16_000, 1.0)
    wrong = 0
    for _ in range(4000):
        variant, original = pairs(random, steps[-1], 0.01, 0.01)
        found = [
            compare("accuracy", variant[:n], original[:n], interim.confidence(len(steps))) for n in steps
        ]
        wrong += any(not drop.low <= 0 <= drop.high for drop in found)
    assert len(steps) == 5 and wrong / 4000 <= 0.05
