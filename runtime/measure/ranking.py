"""The fastest of several callables, with the confidence to say so, or to say that two are tied."""

from collections.abc import Callable, Mapping
from math import comb
from typing import NamedTuple

import numpy as np

from runtime.measure.timing import times

CONFIDENCE = 0.95
# Screened twice, since one that takes a hundred times as long as the others leaves them few calls of the budget.
_SCREENS = ((2, 5.0), (8, 1.5))  # rounds; how many times the fastest's latency goes on
_ROUNDS = 40
_BUDGET_NS = 4e9  # for the measured calls of one callable
_MOST_CALLS = 50  # a block


class Standing(NamedTuple):
    """Latency of one callable in µs, with the bounds of its confidence interval; how it compares to the fastest.

    `slower` bounds the ratio of its latency to the fastest's; `tied` where that may be 1. Both are None for one that
    the screenings left behind.
    """

    latency_us: float
    low_us: float
    high_us: float
    slower: tuple[float, float] | None
    tied: bool | None


def rank(callables: Mapping[str, Callable[[], object]]) -> dict[str, Standing]:
    """Measures the callables in interleaved blocks, fastest first.

    All are screened, twice; those near the fastest are measured again, longer. A latency is the median of the
    medians of blocks. Its interval, and that of the ratio of two callables block by block, comes from order
    statistics: it supposes nothing of how latencies are distributed.
    """
    remaining = list(callables)
    if not remaining:
        return {}
    left_behind: dict[str, Standing] = {}
    for rounds, times_fastest in _SCREENS:
        screened = _medians({name: callables[name] for name in remaining}, rounds)
        remaining.sort(key=lambda name: float(np.median(screened[name])))
        limit = np.median(screened[remaining[0]]) * times_fastest
        kept = [name for name in remaining if np.median(screened[name]) <= limit]
        slower = [name for name in remaining if name not in kept]
        left_behind = {name: _standing(screened[name], None) for name in slower} | left_behind
        remaining = kept
    measured = _medians({name: callables[name] for name in remaining}, _ROUNDS)
    remaining.sort(key=lambda name: float(np.median(measured[name])))
    fastest = measured[remaining[0]]
    return {name: _standing(measured[name], fastest) for name in remaining} | left_behind


def _standing(medians: np.ndarray, fastest: np.ndarray | None) -> Standing:
    ratio = None if fastest is None else interval(medians / fastest)
    return Standing(float(np.median(medians)), *interval(medians), ratio, ratio and ratio[0] <= 1.0)


def interval(values: np.ndarray) -> tuple[float, float]:
    """Bounds of the median's confidence interval from its samples [n]: the k-th smallest and the k-th largest.

    The median lies outside of them with the chance that fewer than k of n coins show heads, or tails. Of very few
    samples even the extremes are not enough for the confidence; they are given all the same.
    """
    count, ordered = len(values), np.sort(values)
    outside, k = 0.0, 0
    while 2 * (outside + comb(count, k) / 2**count) <= 1 - CONFIDENCE:
        outside += comb(count, k) / 2**count
        k += 1
    k = max(k, 1)
    return float(ordered[k - 1]), float(ordered[count - k])


def _medians(callables: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, np.ndarray]:
    """The medians of `rounds` blocks for each callable, in µs; slow ones make the blocks of all shorter."""
    first = times(callables, 1, 2)
    slowest = max(float(np.median(samples)) for samples in first.values())
    calls = int(min(_MOST_CALLS, max(3, _BUDGET_NS / rounds / slowest / max(1, len(callables)))))
    return {
        name: np.median(samples, axis=1) / 1000 for name, samples in times(callables, rounds, calls).items()
    }
