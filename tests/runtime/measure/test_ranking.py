"""The fastest of several, with the confidence to say so, or to say that two are tied."""

from math import comb

import numpy as np
import pytest

from runtime.measure import ranking
from runtime.measure.ranking import interval, rank


@pytest.fixture
def measured(monkeypatch):
    """Latencies in µs from a table instead of a clock: {name: function of a random generator and a shape}."""
    table, calls = {}, []

    def times(callables, rounds, count):
        calls.append((sorted(callables), rounds, count))
        rng = np.random.default_rng(rounds)
        return {name: (table[name](rng, (rounds, count)) * 1000).astype(np.int64) for name in callables}

    monkeypatch.setattr(ranking, "times", times)
    return table, calls


def around(latency_us, spread=0.05):
    return lambda rng, shape: latency_us * (1 + spread * rng.standard_normal(shape))


def contenders(table):
    return rank(dict.fromkeys(table, lambda: None))


def ratio(ranked):
    return ranked.slower_low, ranked.slower_high


def test_the_fastest_comes_first_and_a_slower_one_is_not_tied(measured):
    table, _ = measured
    table.update(slow=around(12), fast=around(10))
    found = contenders(table)
    assert list(found) == ["fast", "slow"]
    assert ratio(found["fast"]) == (1, 1)
    assert 1.15 < found["slow"].slower_low <= found["slow"].slower_high < 1.25
    fast = found["fast"]
    assert 9.8 < fast.latency_us_low <= fast.latency_us_p50 <= fast.latency_us_high < 10.2
    assert fast.latency_us_p50 < fast.latency_us_p90 < fast.latency_us_p99 < 12 and fast.calls == 40 * 50


def test_two_that_are_equal_are_tied(measured):
    table, _ = measured
    table.update(a=around(10), b=around(10))
    found = contenders(table)
    assert all(ratio(ranked)[0] <= 1 for ranked in found.values())


def test_a_slow_minute_hits_all_alike_and_makes_no_difference_a_tie(measured):
    table, _ = measured
    slow_rounds = np.where(np.arange(40) % 3, 1, 3)

    def load(shape):
        return slow_rounds[: shape[0], None] if shape[0] == 40 else 1

    table["a"] = lambda rng, shape: around(10, 0.01)(rng, shape) * load(shape)
    table["b"] = lambda rng, shape: around(10.5, 0.01)(rng, shape) * load(shape)
    found = contenders(table)
    # Each alone spans a factor of three; block by block the difference is plain.
    assert found["a"].latency_us_high > found["b"].latency_us_low
    assert list(found) == ["a", "b"] and ratio(found["b"])[0] > 1


def test_what_is_far_behind_is_not_measured_to_the_end(measured):
    table, calls = measured
    table.update(fast=around(10), near=around(14), far=around(40), hopeless=around(1000))
    found = contenders(table)
    assert list(found) == ["fast", "near", "far", "hopeless"]
    assert ratio(found["far"]) == ratio(found["hopeless"]) == (None, None)
    full = [names for names, rounds, _ in calls if rounds == 40]
    assert full == [["fast", "near"]]


def test_slow_callables_get_few_calls(measured):
    table, calls = measured
    table["slow"] = around(1e6)  # a second each
    contenders(table)
    assert {count for _, rounds, count in calls if rounds == 40} == {3}


def test_nothing_has_no_rank():
    assert rank({}) == {}


@pytest.mark.parametrize("count", [6, 10, 40, 41, 100])
def test_the_interval_holds_the_median_with_95_percent(count):
    low, high = interval(np.arange(count, dtype=float)[::-1])
    k = int(low) + 1
    assert high == count - k  # as many on either side
    outside = 2 * sum(comb(count, below) for below in range(k)) / 2**count
    narrower = outside + 2 * comb(count, k) / 2**count
    assert outside <= 0.05 < narrower


def test_of_few_samples_the_extremes_are_given():
    assert interval(np.array([3.0])) == (3, 3)
    assert interval(np.array([3.0, 1.0])) == (1, 3)
