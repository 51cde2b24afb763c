"""Is a variant worse than the original?  A paired comparison on the same samples, with an interval."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri  # type: ignore[import-untyped]

from runtime.measure.metric import known_metric

RESAMPLES = 999
_SEED = 7
_ELEMENTS = 1 << 23  # of one batch of resamples
_FILES, _ORIGINALS = "this file's answers", "the original's answers"
_SLACK = 1e-6  # of quotients that should be whole


class Drop(NamedTuple):
    """What a metric loses against the original, in its own unit, more than 0 for worse; the ends of its interval."""

    value: float
    low: float
    high: float


def compare(name: str, variant: np.ndarray, original: np.ndarray, confidence: float = 0.95) -> Drop:
    """What the metric `name` loses from the original to the variant, with a confidence interval.

    Where each sample is right or wrong, the interval is the adjusted one of Bonett and Price ("Adjusted Wald Confidence
    Interval for a Difference of Binomial Proportions Based on Paired Data", Journal of Educational and Behavioral
    Statistics 37, 2012): it keeps its promise with few samples and with none that differs.  Else it is a paired
    bootstrap, by percentiles (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).

    Args:
        name: of the metric.
        variant: what each sample adds to the variant's score, float64 [n, m] (`Metric.parts`).
        original: the same for the original, on the same samples.
        confidence: how often the interval holds the truth.
    """
    metric = known_metric(name)
    sign = 1.0 if metric.drop_unit == "points" else -1.0

    def drop(first: np.ndarray, second: np.ndarray, axis: int = -1) -> np.ndarray:
        """The drop from parts whose samples lie on `axis`; the first axis has what a sample adds to the score."""
        means = (np.moveaxis(np.mean(parts, axis=axis), 0, -1) for parts in (second, first))
        before, after = (metric.score(mean) for mean in means)
        lost: np.ndarray = sign * (before - after)
        return lost

    value = float(drop(variant.T, original.T))
    if name == "accuracy" and _is_binary(variant) and _is_binary(original):
        return Drop(value, *_bonett_price(variant[:, 0], original[:, 0], confidence))
    if len(variant) < 2 or np.array_equal(variant, original):
        return Drop(value, value, value)
    return Drop(value, *_bootstrap(drop, variant.T, original.T, value, confidence))


def compare_scores(
    score: Callable[[np.ndarray, np.ndarray, str], float],
    better: str,
    targets: np.ndarray,
    variant: np.ndarray,
    original: np.ndarray,
    resamples: int,
    confidence: float = 0.95,
) -> tuple[float, float, Drop]:
    """The scores of a variant and of the original by a metric of the user's own, and what is lost.

    The interval is a paired bootstrap as in `compare`; nothing is known of the metric but its scores.  A bootstrap of
    answers that never score otherwise has no width, however few they are.  Where scores are fractions, the interval is
    then that of Bonett and Price for as many samples of which none differs, as for accuracy.

    Args:
        score: gives the score of targets [n, …] and answers [n, …]; the text says whose answers they are.
        better: "higher" or "lower".
        targets: [n, …].
        variant: the variant's answers, [n, …].
        original: the original's answers to the same samples, [n, …].
        resamples: how many are drawn.
        confidence: how often the interval holds the truth.

    Raises:
        UsageError: the user's function fails.
    """
    sign = 1.0 if better == "higher" else -1.0
    after, before = score(targets, variant, _FILES), score(targets, original, _ORIGINALS)
    value = sign * (before - after)
    low = high = value
    if len(targets) > 1 and not np.array_equal(variant, original):

        def drop(index: np.ndarray) -> float:
            drawn = targets[index]
            first = score(drawn, variant[index], f"a resample of {_FILES}")
            return sign * (score(drawn, original[index], f"a resample of {_ORIGINALS}") - first)

        low, high = _percentiles(drop, len(targets), value, confidence, resamples, vectorized=False)
    if better == "higher" and low == high == 0:
        none = np.ones(len(targets))
        low, high = _bonett_price(none, none, confidence)
    return after, before, Drop(value, low, high)


def samples_needed(drop: Drop, budget: float, samples: int) -> int | None:
    """How many samples like these would bring the interval within the budget; None where none would.

    An interval narrows with the root of the number of samples.
    """
    room, width = budget - drop.value, drop.high - drop.value
    if room <= 0:
        return None
    return math.ceil(samples * max(1.0, width / room) ** 2 - _SLACK)


def _is_binary(parts: np.ndarray) -> bool:
    return bool(np.isin(parts, (0.0, 1.0)).all())


def _bonett_price(variant: np.ndarray, original: np.ndarray, confidence: float) -> tuple[float, float]:
    count = len(variant) + 2
    lost = (np.sum((original == 1) & (variant == 0)) + 1) / count
    won = (np.sum((original == 0) & (variant == 1)) + 1) / count
    width = ndtri((1 + confidence) / 2) * math.sqrt((lost + won - (lost - won) ** 2) / count)
    return float(max(-1.0, lost - won - width)), float(min(1.0, lost - won + width))


def _bootstrap(
    drop: Callable[[np.ndarray, np.ndarray], np.ndarray],
    variant: np.ndarray,
    original: np.ndarray,
    value: float,
    confidence: float,
) -> tuple[float, float]:
    """The interval of `drop` by resampling the samples, which lie on the last axis of both."""
    parts, samples = variant.shape
    return _percentiles(
        lambda index, axis=-1: drop(variant[:, index], original[:, index]),
        samples,
        value,
        confidence,
        RESAMPLES,
        batch=max(1, _ELEMENTS // (samples * parts)),
    )


def _percentiles(
    drop: Callable[..., Any], samples: int, value: float, confidence: float, resamples: int, **options: Any
) -> tuple[float, float]:
    """The interval of a drop, `value`, by percentiles; `drop` takes the indices of the samples that were drawn."""
    from scipy import stats  # type: ignore[import-untyped]  # half a second, which most commands never need

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # it warns of resamples that are all alike, whose interval is that one value
        found = stats.bootstrap(
            [np.arange(samples)],
            drop,
            n_resamples=resamples,
            confidence_level=confidence,
            method="percentile",
            rng=np.random.default_rng(_SEED),
            **options,
        ).confidence_interval
    low, high = float(found.low), float(found.high)
    return (min(low, value), max(high, value)) if math.isfinite(low + high) else (value, value)
