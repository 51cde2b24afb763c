"""What is chosen on one half of the test data is judged on the other."""

import numpy as np
import pytest

from export.checks.halves import half


@pytest.mark.parametrize("samples", [1, 2, 89, 10_000])
def test_the_halves_share_no_sample_and_miss_none(samples):
    search, verdict = half(samples, "search"), half(samples, "verdict")
    assert sorted([*search, *verdict]) == list(range(samples))
    assert 0 <= len(verdict) - len(search) <= 1
    assert np.array_equal(search, half(samples, "search"))


def test_samples_that_are_sorted_by_class_are_in_both_halves():
    classes = np.repeat(np.arange(10), 100)
    for which in ("search", "verdict"):
        assert np.bincount(classes[half(1000, which)]).min() > 30
