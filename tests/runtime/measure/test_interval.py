"""Intervals of medians and of the slow tail hold what they are of in as many runs as they say."""

from math import comb

import numpy as np
import pytest

from runtime.measure.interval import median_interval, tail_interval


@pytest.mark.parametrize("count", [6, 10, 40, 41, 100])
def test_the_interval_holds_the_median_with_95_percent(count):
    low, high = median_interval(np.arange(count, dtype=float)[::-1])
    k = int(low) + 1
    assert high == count - k  # as many on either side
    outside = 2 * sum(comb(count, below) for below in range(k)) / 2**count
    narrower = outside + 2 * comb(count, k) / 2**count
    assert outside <= 0.05 < narrower


def test_of_few_samples_there_is_none():
    assert median_interval(np.array([3.0, 1.0, 2.0, 4.0, 5.0])) == (None, None)
    assert median_interval(np.arange(6.0)) == (0, 5)
    # 0.99 to the power of 368 is the first below 2.5 %: then the largest is above the percentile with that certainty.
    assert tail_interval(np.arange(367.0).reshape(1, -1), 0.99)[1] is None
    assert tail_interval(np.arange(368.0).reshape(1, -1), 0.99)[1] == 367
    assert tail_interval(np.ones((1, 1)), 0.9) == (None, None)


@pytest.mark.parametrize("quantile", [0.9, 0.99])
@pytest.mark.parametrize("shape", [(4, 125), (20, 50), (40, 50)])
def test_it_is_as_narrow_as_the_calls_allow(quantile, shape):
    """By the exact distribution of how many calls are above the percentile."""
    count = shape[0] * shape[1]
    # Shuffled, so that every block has its share of slow calls.
    values = np.random.default_rng(1).permutation(count).astype(float).reshape(shape)

    def at_least(rank):
        chances = (comb(count, k) * (1 - quantile) ** k * quantile ** (count - k) for k in range(rank))
        return 1 - sum(chances)

    low, high = tail_interval(values, quantile)
    lower, upper = count - int(low), count - int(high)
    if np.var((values > np.quantile(values, quantile)).mean(axis=1), ddof=1) * shape[1] <= quantile * (
        1 - quantile
    ):
        assert at_least(lower) <= 0.025 < at_least(lower - 1)
        assert 1 - at_least(upper) <= 0.025 < 1 - at_least(upper + 1)
    assert low <= np.quantile(values, quantile) <= high


def covered(draw, quantile, truth, shape=(20, 50), runs=400):
    """In how many runs the interval holds the true percentile; one without an upper end holds all that is above."""
    rng, held = np.random.default_rng(int(1000 * quantile)), 0
    for _ in range(runs):
        low, high = tail_interval(draw(rng, shape), quantile)
        held += (low is None or low <= truth) and (high is None or truth <= high)
    return held / runs


# Of a rate of 95 %, 400 runs show less than 91.25 % in one of a thousand tries.
LEAST = 0.9125


@pytest.mark.parametrize("quantile", [0.9, 0.99])
def test_independent_calls(quantile):
    truth = -np.log(1 - quantile)
    assert covered(lambda rng, shape: rng.standard_exponential(shape), quantile, truth) >= LEAST


def in_turns(rng, shape):
    """Blocks of a machine whose clock and heat come and go: each has a level of its own."""
    level = 1 + 0.05 * rng.standard_normal((shape[0], 1))
    return level * (1 + 0.1 * rng.standard_exponential(shape))


@pytest.mark.parametrize("quantile", [0.9, 0.99])
def test_calls_of_a_block_that_resemble_each_other(quantile):
    truth = float(np.quantile(in_turns(np.random.default_rng(9), (40_000, 50)), quantile))
    assert covered(in_turns, quantile, truth) >= LEAST
    if quantile == 0.9:  # as if the calls were independent, the interval would be far too narrow
        assert covered(lambda rng, shape: in_turns(rng, shape).reshape(1, -1), quantile, truth) < 0.85
