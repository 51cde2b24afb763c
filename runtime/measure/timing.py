"""Latency of several callables side by side, in interleaved blocks: a slow minute hits all of them alike."""

import gc
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from runtime.measure.interval import tail_intervals

if TYPE_CHECKING:
    from runtime.measure.watch import Watch

# The first calls after another callable ran find cold caches: unlike the calls of a device in a loop.
_WARM_UP_CALLS = 3
_WARM_UP_NS = 100_000_000  # a call that takes as long as this has warmed everything up


class Latency(NamedTuple):
    """The latency of single calls in microseconds, how many were measured, and the intervals of the percentiles."""

    latency_us_p50: float
    latency_us_p90: float
    latency_us_p99: float
    calls: int
    latency_us_p90_low: float | None = None
    latency_us_p90_high: float | None = None
    latency_us_p99_low: float | None = None
    latency_us_p99_high: float | None = None


def times(
    callables: Mapping[str, Callable[[], object]], rounds: int, calls: int, watch: "Watch | None" = None
) -> dict[str, np.ndarray]:
    """Times each callable in `rounds` blocks of `calls` calls; blocks of all callables alternate.

    The first calls of every block are warm-up and are not counted. The order turns by one each round, so that
    no callable is always the first. The clock adds about 0.1 µs to a figure. A block that `watch` sees disturbed is
    measured again.

    Returns:
        int64 nanoseconds [rounds, calls] for each callable.
    """
    if rounds < 1 or calls < 1:
        raise ValueError(f"rounds and calls must be at least 1, not {rounds} and {calls}")
    names = list(callables)
    samples = {name: np.empty((rounds, calls), np.int64) for name in names}
    was_enabled = gc.isenabled()
    gc.disable()  # a collection in the middle of a call belongs to no callable
    try:
        for turn in range(rounds):
            start = turn % len(names) if names else 0
            for name in names[start:] + names[:start]:
                block = partial(_block, callables[name], samples[name][turn])
                if watch is None:
                    block()
                else:
                    watch.block(name, block)
            gc.collect(0)
    finally:
        if was_enabled:
            gc.enable()
    return samples


def summary(nanoseconds: np.ndarray) -> Latency:
    """The percentiles of single latencies, and the intervals of the last two; int64 nanoseconds [blocks, calls]."""
    microseconds = nanoseconds / 1000
    p50, p90, p99 = map(float, np.percentile(microseconds, (50, 90, 99)))
    return Latency(p50, p90, p99, nanoseconds.size, **tail_intervals(microseconds))


def _block(call: Callable[[], object], into: np.ndarray) -> None:
    began = perf_counter_ns()
    for _ in range(_WARM_UP_CALLS):
        call()
        if perf_counter_ns() - began > _WARM_UP_NS:
            break
    for index in range(len(into)):
        begin = perf_counter_ns()
        call()
        end = perf_counter_ns()
        into[index] = end - begin
