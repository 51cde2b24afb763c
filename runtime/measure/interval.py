"""Confidence intervals from order statistics: they suppose nothing of how latencies are distributed."""

from math import ceil, exp, lgamma, log

import numpy as np

CONFIDENCE = 0.95


def median_interval(values: np.ndarray, statements: int = 1) -> tuple[float | None, float | None]:
    """The ends of the median's confidence interval from independent samples [n]: their k-th smallest and k-th largest.

    Where there are several statements, all of them are right together with the confidence. (None, None) where n is too
    small even for the smallest and the largest.
    """
    lower, upper = _ranks(len(values), 0.5, (1 - CONFIDENCE) / statements)
    return _at(values, lower), _at(values, upper)


def tail_intervals(blocks_us: np.ndarray) -> dict[str, float | None]:
    """The ends of the intervals of the 90th and 99th percentile, by a measured row's fields; µs [blocks, calls]."""
    low_90, high_90 = tail_interval(blocks_us, 0.9)
    low_99, high_99 = tail_interval(blocks_us, 0.99)
    return {
        "latency_us_p90_low": low_90,
        "latency_us_p90_high": high_90,
        "latency_us_p99_low": low_99,
        "latency_us_p99_high": high_99,
    }


def tail_interval(blocks: np.ndarray, quantile: float) -> tuple[float | None, float | None]:
    """The ends of a quantile's confidence interval from samples [blocks, calls]; None for what so few do not tell.

    Calls of one block resemble each other. Where the share of slow calls differs between blocks by more than chance
    would have it, they count for as many fewer as their variance is larger (Woodruff 1952; Kish's design effect).
    """
    count = blocks.size
    slow = (blocks > np.quantile(blocks, quantile)).mean(axis=1)
    by_chance = quantile * (1 - quantile) / blocks.shape[1]
    effect = max(1.0, float(np.var(slow, ddof=1)) / by_chance) if len(blocks) > 1 else 1.0
    independent = max(1, int(count / effect))
    lower, upper = _ranks(independent, quantile, 1 - CONFIDENCE)
    stretch = count / independent
    values = blocks.ravel()
    return (
        _at(values, None if lower is None else min(count, ceil(lower * stretch))),
        _at(values, None if upper is None else max(1, int(upper * stretch))),
    )


def _ranks(count: int, quantile: float, error: float) -> tuple[int | None, int | None]:
    """The ranks of the ends, counted from the largest sample; None where there are too few samples.

    How many of the samples are above the quantile is binomial. It lies below the end of the first rank, or above that
    of the second, with half of the error's chance at most each.
    """
    below, upper = 0.0, 0
    odds = log(1 - quantile) - log(quantile)
    for above in range(count + 1):
        ways = lgamma(count + 1) - lgamma(above + 1) - lgamma(count - above + 1)
        below += exp(ways + above * odds + count * log(quantile))
        if below <= error / 2:
            upper = above + 1
        if 1 - below <= error / 2:
            return (above + 1 if above < count else None), upper or None
    return None, upper or None


def _at(values: np.ndarray, rank: int | None) -> float | None:
    return None if rank is None else float(np.sort(values)[len(values) - rank])
