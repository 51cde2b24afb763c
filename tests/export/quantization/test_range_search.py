"""A search of ranges, on values whose best range is known."""

import numpy as np
import pytest

from export.quantization import range_search
from export.quantization.range_search import METHODS, Histogram, candidates, gain, search

RNG = np.random.default_rng(5)
BULK = RNG.normal(size=100_000)


def whole(values):
    return Histogram.of(values, float(values.min(initial=0)), float(values.max(initial=0)))


def test_a_few_values_far_out_are_cut_off_by_percentile_and_entropy_and_the_bulk_loses_less():
    values = whole(np.concatenate([BULK, [60.0, 59.0]]))
    found = candidates(values)
    bulk = Histogram.of(BULK, values.low, values.high)
    for low, high in (found["percentile"], found["entropy"]):
        assert -8 < low < -0.1 and 2 < high < 30
    assert bulk.error(*found["percentile"]) < bulk.error(values.low, values.high) / 20
    assert gain(values, found) >= 1


def test_the_square_error_cuts_off_as_little_as_is_best_and_never_what_costs_more():
    for far in (7.0, 30.0):
        values = whole(np.concatenate([BULK, np.full(1, far)]))
        low, high = candidates(values).get("mean square error", (values.low, values.high))
        tried = [values.error(values.low, end) for end in np.linspace(1, far, 60)]
        assert values.error(low, high) <= min(tried) * 1.05


def test_an_error_is_what_rounding_changes():
    values = RNG.uniform(-1, 3, 100_000)
    low, high = -0.5, 2.0
    step = (high - low) / 255
    rounded = np.rint((np.clip(values, low, high) - low) / step) * step + low
    assert whole(values).error(low, high) == pytest.approx(np.mean((rounded - values) ** 2), rel=0.02)


def test_a_range_that_is_filled_evenly_stays_by_square_error_and_percentile():
    assert set(candidates(whole(RNG.uniform(0, 1, 100_000)))) <= {"entropy"}


def test_histograms_of_parts_add_up():
    first, second = (Histogram.of(part, -5.0, 5.0) for part in np.split(BULK, 2))
    np.testing.assert_array_equal((first + second).counts, Histogram.of(BULK, -5.0, 5.0).counts)


@pytest.mark.parametrize("values", [np.zeros(10), np.zeros(0)])
def test_a_tensor_that_is_nothing_has_no_other_range(values):
    assert candidates(whole(values)) == {}


RECORDED = {"a": (-1.0, 9.0), "b": (-1.0, 9.0)}
FOUND = {name: {METHODS[0]: (-1.0, 3.0), METHODS[1]: (-1.0, 4.0)} for name in RECORDED}
GAINS = {"a": 1.0, "b": 2.0}


def test_each_tensor_has_the_method_that_the_outputs_want():
    best = {"a": 3.0, "b": 9.0}
    made = search(RECORDED, FOUND, GAINS, lambda tried: 1 + sum(abs(tried[n][1] - best[n]) for n in best))
    assert made.ranges == {"a": (-1.0, 3.0), "b": (-1.0, 9.0)}
    assert made.methods == {"a": METHODS[0]} and made.files <= range_search.MOST_FILES


def test_where_no_method_helps_the_recorded_ranges_stay():
    made = search(RECORDED, FOUND, GAINS, lambda tried: 1 + sum(9.0 - high for _, high in tried.values()))
    assert made.ranges == RECORDED and made.methods == {}


def test_a_search_ends(monkeypatch):
    monkeypatch.setattr(range_search, "MOST_FILES", 4)
    asked = []
    search(RECORDED, FOUND, GAINS, lambda tried: asked.append(tried) or 1.0)
    assert len(asked) == 4
