"""Finite or not: a quick first test, and the last word where squares overflow."""

import numpy as np
import pytest

from runtime.backends.feeds import all_finite

SHAPES = [(0, 3), (1, 1), (1, 10), (4, 8), (1, 33), (128, 10), (1024, 8), (1025, 8), (3000, 8), (5, 4, 3)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_value_that_is_not_finite_is_found_anywhere(shape):
    array = np.ones(shape, np.float32)
    assert all_finite(array)
    for place in {0, array.size // 2, array.size - 1} if array.size else ():
        for value in (np.nan, np.inf, -np.inf):
            spoilt = array.copy()
            spoilt.flat[place] = value
            assert not all_finite(spoilt)
            assert not all_finite(np.asfortranarray(spoilt))
            assert not all_finite(np.repeat(spoilt, 2, axis=0)[::2])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_large_values_are_finite(shape):
    assert all_finite(np.full(shape, 3e38, np.float32))
    assert all_finite(np.full(shape, -3e38, np.float32))


def test_infinities_that_cancel_are_found():
    assert not all_finite(np.float32([[np.inf, -np.inf]]))
