"""A search of the ranges of activations: what lies far out is cut off where the rest then loses less.

Four ways to find the range of a tensor, of which the outputs' error decides, tensor by tensor: the lowest and highest
value; the middle 99.99 % of the values (a percentile, as in McKinstry et al., "Discovering Low-Precision Networks Close
to Full-Precision Networks for Efficient Embedded Inference", 2018); the range with the least mean square error of the
rounded values (Banner et al., "Post-Training 4-Bit Quantization of Convolutional Networks for Rapid-Deployment",
NeurIPS 2019); and the range that keeps most of their distribution, by the Kullback-Leibler divergence (Migacz, "8-bit
Inference with TensorRT", GTC 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from export.formats.format import Ranges

MIN_MAX = "min-max"
METHODS = ("percentile", "mean square error", "entropy")
MOST_FILES = 32  # that a search builds and runs
_MIDDLE = 0.9999
_LEVELS = 256
_BINS = 8192
# What is left of a range: by steps of a tenth, down to a hundredth.
_SHRUNK = 0.9 ** np.arange(45)
_CLEARLY = 0.99  # of the error: what is left of it where a tensor's own choice is worth another rule
_LEAST_CHANGE = 0.02  # of a range: less is no other range


class Histogram(NamedTuple):
    """How the values of one tensor lie between `low` and `high`: float64 [bins], as many steps of the same width.

    The range contains zero, as those of the quantizers do.  Zeros themselves are left out: no range rounds them.
    """

    counts: np.ndarray
    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray, low: float, high: float) -> Histogram:
        """The histogram of values, in any shape, whose recorded range is from `low` to `high`."""
        low, high = min(low, 0.0), max(high, 0.0)
        if not high > low:
            return cls(np.zeros(_BINS), low, high)
        clipped = np.clip(values[values != 0], low, high)
        return cls(np.histogram(clipped, bins=_BINS, range=(low, high))[0].astype(np.float64), low, high)

    def __add__(self, other: Histogram) -> Histogram:  # type: ignore[override]
        """That of the values of both, which have the same range."""
        return self._replace(counts=self.counts + other.counts)

    @property
    def middles(self) -> np.ndarray:
        """The middle of each step."""
        width = (self.high - self.low) / _BINS
        found: np.ndarray = self.low + (np.arange(_BINS) + 0.5) * width
        return found

    def error(self, low: float, high: float) -> float:
        """The mean square of what eight bits from `low` to `high` change: a twelfth of a step's square, and the cut."""
        if not high > low:
            return np.inf
        step = (high - low) / (_LEVELS - 1)
        beyond = self.middles - np.clip(self.middles, low, high)
        inside = self.counts[beyond == 0].sum() * step**2 / 12
        return float((inside + self.counts @ beyond**2) / max(self.counts.sum(), 1))


class Found(NamedTuple):
    """What a search came to: all ranges, how each tensor's was found where not by min-max, and the files it built."""

    ranges: Ranges
    methods: dict[str, str]
    files: int


def candidates(values: Histogram) -> dict[str, tuple[float, float]]:
    """By method, the range of one tensor, where it is another than the whole."""
    low, high = values.low, values.high
    if not values.counts.any():
        return {}
    found = {
        "percentile": _percentile(values),
        "mean square error": _least(values, values.error),
        "entropy": _least(values, lambda *ends: _divergence(values, *ends)),
    }
    least = _LEAST_CHANGE * (high - low)
    return {
        method: (lower, upper)
        for method, (lower, upper) in found.items()
        if upper > lower and (lower - low) + (high - upper) > least
    }


def gain(values: Histogram, found: Mapping[str, tuple[float, float]]) -> float:
    """What the best of other ranges takes off the rounding error of a tensor: the quotient of both."""
    best = min(values.error(*ends) for ends in found.values())
    return values.error(values.low, values.high) / max(best, 1e-30)


def _percentile(values: Histogram) -> tuple[float, float]:
    tail = (1 - _MIDDLE) / 2 * values.counts.sum()
    below, above = np.cumsum(values.counts), np.cumsum(values.counts[::-1])
    edges = np.linspace(values.low, values.high, _BINS + 1)
    low, high = edges[int(np.argmax(below > tail))], edges[_BINS - int(np.argmax(above > tail))]
    return min(float(low), 0.0), max(float(high), 0.0)


def _least(values: Histogram, loss: Callable[[float, float], float]) -> tuple[float, float]:
    """The range with the least loss: one end after the other, twice, the best of each with the other as it is."""
    low, high = values.low, values.high
    for _ in range(2):
        high = min((values.high * share for share in _SHRUNK), key=lambda end: loss(low, end))
        low = min((values.low * share for share in _SHRUNK), key=lambda end: loss(end, high))
    return low, high


def _divergence(values: Histogram, low: float, high: float) -> float:
    """How far the distribution of the values is from that of their roundings, which lie evenly within each step."""
    counts, middles = values.counts, values.middles
    inside = (middles >= low) & (middles <= high)
    if inside.sum() < _LEVELS:
        return np.inf
    kept = counts[inside]
    clipped = kept.copy()
    clipped[0] += counts[middles < low].sum()
    clipped[-1] += counts[middles > high].sum()
    level = np.arange(len(kept)) * _LEVELS // len(kept)
    filled = kept > 0
    members = np.maximum(np.bincount(level, filled, _LEVELS), 1)
    coarse = np.where(filled, (np.bincount(level, kept, _LEVELS) / members)[level], 0)
    present = clipped > 0
    wanted = clipped[present] / clipped.sum()
    got = np.maximum(coarse[present], 1e-9) / max(coarse.sum(), 1e-9)
    return float(np.sum(wanted * np.log(wanted / got)))


def search(
    recorded: Ranges,
    found: Mapping[str, Mapping[str, tuple[float, float]]],
    gains: Mapping[str, float],
    error: Callable[[Ranges], float],
) -> Found:
    """The ranges with the least error of the outputs, of those that the methods gave.

    First all tensors by one method, then, from the best of these, tensor by tensor: another method's range is taken
    where it clearly helps.

    Args:
        recorded: the lowest and highest value of every tensor.
        found: by tensor, the ranges of `candidates`.
        gains: by tensor, how much a better range could help: those with the largest come first.
        error: the error of the outputs of a file with such ranges.
    """
    methods: dict[str, str] = {}
    least, files = error(recorded), 1

    def ranges_of(chosen: Mapping[str, str]) -> Ranges:
        return recorded | {name: found[name][method] for name, method in chosen.items()}

    for method in METHODS:
        tried = {name: method for name, ranges in found.items() if method in ranges}
        if tried:
            value, files = error(ranges_of(tried)), files + 1
            if value < least:
                methods, least = tried, value
    for name in sorted(found, key=lambda each: (-gains[each], each)):
        for method in (MIN_MAX, *METHODS):
            if method == methods.get(name, MIN_MAX) or (method != MIN_MAX and method not in found[name]):
                continue
            if files >= MOST_FILES:
                return Found(ranges_of(methods), methods, files)
            tried = {each: how for each, how in methods.items() if each != name}
            if method != MIN_MAX:
                tried[name] = method
            value, files = error(ranges_of(tried)), files + 1
            if value < _CLEARLY * least:
                methods, least = tried, value
    return Found(ranges_of(methods), methods, files)
