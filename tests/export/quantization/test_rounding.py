"""Weights are rounded by what that does to a layer's outputs, and quantizers find the same grid again."""

import numpy as np
import pytest

from export.quantization.rounding import by_outputs, nearest, steps


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(2, 6, 24)).astype(np.float32)


def moments(spread):
    """The moments of inputs that all have a part in common; `spread` is that of what is their own."""
    generator = np.random.default_rng(1)
    inputs = generator.normal(size=(2, 2000, 1)) + spread * generator.normal(size=(2, 2000, 24))
    return inputs.transpose(0, 2, 1) @ inputs / 2000


def error(rows, rounded, products):
    off = rounded - rows
    return float(np.einsum("gnc,gcd,gnd->", off, products, off))


def test_where_inputs_vary_together_the_outputs_err_much_less_than_with_the_nearest_steps(rows):
    products = moments(spread=0.1)
    assert error(rows, by_outputs(rows, products), products) < 0.2 * error(rows, nearest(rows), products)


def test_where_each_input_varies_by_itself_the_nearest_step_is_the_best(rows):
    apart = np.broadcast_to(np.eye(24), (2, 24, 24))
    step = steps(rows)
    assert np.array_equal(np.rint(by_outputs(rows, apart) / step), np.rint(nearest(rows) / step))


def test_the_largest_weight_of_a_channel_stays_and_all_others_lie_on_the_grid_that_it_makes(rows):
    stored = by_outputs(rows, moments(spread=0.1)).astype(np.float32)
    largest = np.abs(rows).max(axis=2)
    assert np.array_equal(np.abs(stored).max(axis=2), largest)
    again = nearest(stored)
    others = np.abs(stored) < largest[:, :, np.newaxis]
    assert np.abs(again - stored)[others].max() < 1e-5 * steps(rows).max()


def test_a_channel_of_zeros_and_an_input_that_is_never_there_change_nothing(rows):
    rows = rows.copy()
    rows[0, 2] = 0
    products = moments(spread=0.5)
    products[:, :, 5] = products[:, 5] = 0
    found = by_outputs(rows, products)
    assert np.isfinite(found).all() and not found[0, 2].any()
