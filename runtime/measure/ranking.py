"""The fastest of several callables, with the confidence to say so, or to say that two are tied."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from runtime.measure.interval import median_interval, tail_intervals
from runtime.measure.timing import times
from runtime.namedtuples import FastNamedTuple

if TYPE_CHECKING:
    from runtime.measure.watch import Watch

# Screened twice, since one that takes a hundred times as long as the others leaves them few calls of the budget.
_SCREENS = ((2, 5.0), (8, 1.5))  # rounds; how many times the fastest's latency goes on
_ROUNDS = 40
_BUDGET_NS = 4e9  # for the measured calls of one callable
_MOST_CALLS = 50  # a block


class RankedLatency(FastNamedTuple):
    """Latency of one callable in µs, as a measured row holds it; how it compares to the fastest.

    latency_us_low and latency_us_high bound the confidence interval of the median, those with p90 and p99 in their
    names that of the percentile; slower_low and slower_high that of the ratio of its latency to the fastest's. The
    ratio is None for one that the screenings left behind; an end is where there were too few blocks or calls for it.
    """

    latency_us_p50: float
    latency_us_p90: float
    latency_us_p99: float
    calls: int
    latency_us_low: float | None
    latency_us_high: float | None
    slower_low: float | None
    slower_high: float | None
    latency_us_p90_low: float | None = None
    latency_us_p90_high: float | None = None
    latency_us_p99_low: float | None = None
    latency_us_p99_high: float | None = None


def rank(
    callables: Mapping[str, Callable[[], object]], watch: "Watch | None" = None
) -> dict[str, RankedLatency]:
    """Measures the callables in interleaved blocks, fastest first.

    All are screened, twice; those near the fastest are measured again, longer. Throughout, `watch` sees to it that
    disturbed blocks are measured again: a disturbed screening may leave behind what would be the fastest.
    """
    remaining = list(callables)
    if not remaining:
        return {}
    left_behind: dict[str, RankedLatency] = {}
    for rounds, times_fastest in _SCREENS:
        screened = _sampled({name: callables[name] for name in remaining}, rounds, watch)
        latency_us = {name: float(np.median(_medians(screened[name]))) for name in remaining}
        remaining.sort(key=latency_us.__getitem__)
        limit = latency_us[remaining[0]] * times_fastest
        kept = [name for name in remaining if latency_us[name] <= limit]
        slower = [name for name in remaining if name not in kept]
        left_behind = {name: _ranked(screened[name], (None, None)) for name in slower} | left_behind
        remaining = kept
    return compared(_sampled({name: callables[name] for name in remaining}, _ROUNDS, watch)) | left_behind


def compared(samples_us: Mapping[str, np.ndarray]) -> dict[str, RankedLatency]:
    """The latencies that interleaved blocks tell, each beside the fastest, which comes first.

    The median is that of the medians of blocks. Its interval, and that of the ratio of two callables block by block,
    comes from order statistics: it supposes nothing of how latencies are distributed. The fastest is the luckiest of
    those that are as fast, so each ratio is held to a confidence (Bonferroni's) with which all of them together are
    right in 95 % of runs: of two that are equally fast, at most 5 % of runs call one slower.

    Args:
        samples_us: µs [blocks, calls] of each callable; the n-th blocks of all were measured one after the other.
    """
    medians = {name: _medians(samples) for name, samples in samples_us.items()}
    return {name: _ranked(samples_us[name], ratio) for name, ratio in slower_intervals(medians).items()}


def slower_intervals(medians_us: Mapping[str, np.ndarray]) -> dict[str, tuple[float | None, float | None]]:
    """The ends of the interval of each latency's ratio to the fastest's, which comes first; see `compared`.

    Args:
        medians_us: µs [blocks] of each callable: the medians of its blocks.
    """
    by_speed = sorted(medians_us, key=lambda name: float(np.median(medians_us[name])))
    statements = max(1, len(by_speed) - 1)
    return {
        name: median_interval(medians_us[name] / medians_us[by_speed[0]], statements) for name in by_speed
    }


def least_blocks(count: int) -> int:
    """How many blocks it takes to say with confidence of one of so many callables that it is slower."""
    blocks = 1
    while median_interval(np.zeros(blocks), max(1, count - 1))[0] is None:
        blocks += 1
    return blocks


def _ranked(samples_us: np.ndarray, ratio: tuple[float | None, float | None]) -> RankedLatency:
    medians = _medians(samples_us)
    p90, p99 = np.percentile(samples_us, (90, 99))
    return RankedLatency(
        float(np.median(medians)),
        float(p90),
        float(p99),
        samples_us.size,
        *median_interval(medians),
        *ratio,
        **tail_intervals(samples_us),
    )


def _medians(samples_us: np.ndarray) -> np.ndarray:
    """The median of each block."""
    medians: np.ndarray = np.median(samples_us, axis=1)
    return medians


def _sampled(
    callables: Mapping[str, Callable[[], object]], rounds: int, watch: "Watch | None" = None
) -> dict[str, np.ndarray]:
    """Latencies in µs, [rounds, calls] for each callable; slow ones make the blocks of all shorter."""
    first = times(callables, 1, 2)
    slowest = max(float(np.median(samples)) for samples in first.values())
    calls = int(min(_MOST_CALLS, max(3, _BUDGET_NS / rounds / slowest / max(1, len(callables)))))
    return {name: samples / 1000 for name, samples in times(callables, rounds, calls, watch).items()}
