"""Looks in between cost no certainty: simulated pairs that are looked at again and again."""

import numpy as np
import pytest

from export.checks import interim
from export.checks.statistics import compare
from tests.export.checks.test_statistics import pairs


def test_a_fast_row_is_looked_at_once_and_a_slow_one_in_halves():
    assert interim.looks(10_000, 0.0001) == [10_000]
    assert interim.looks(10_000, 0.01) == [625, 1250, 2500, 5000, 10_000]
    assert interim.looks(1500, 0.01) == [750, 1500]
    assert interim.looks(40, 10.0) == [40]


def test_the_order_is_a_shuffle_and_the_same_each_time():
    found = interim.order(100)
    assert sorted(found) == list(range(100)) and list(found) != sorted(found)
    assert np.array_equal(found, interim.order(100))


def test_one_look_has_95_percent_and_each_of_several_more():
    assert interim.confidence(1) == 0.95
    assert [interim.confidence(number) for number in (2, 5)] == pytest.approx([0.9706, 0.9842], abs=1e-4)


def test_all_looks_together_call_equal_variants_different_in_at_most_5_percent():
    random = np.random.default_rng(21)
    steps = interim.looks(8000, 1.0)
    wrong = 0
    for _ in range(600):
        variant, original = pairs(random, steps[-1], 0.01, 0.01)
        found = [
            compare("accuracy", variant[:n], original[:n], interim.confidence(len(steps))) for n in steps
        ]
        wrong += any(not drop.low <= 0 <= drop.high for drop in found)
    assert len(steps) == 5 and wrong / 600 <= 0.06
