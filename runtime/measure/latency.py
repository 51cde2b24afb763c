"""Latency of loaded models side by side: how `bench` and `compare` measure it."""

from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any

import numpy as np

from runtime.errors import UsageError
from runtime.measure.ranking import RankedLatency, compared, least_blocks
from runtime.measure.timing import times
from runtime.measure.watch import Watch

_MOST_CALLS, _LEAST_CALLS = 1000, 20
_MOST_BLOCKS = 20
_BUDGET_S = 3.0  # for the slowest callable


def single_calls(call: Callable[[Any], object], inputs: Mapping[str, np.ndarray]) -> Callable[[], object]:
    """A callable that calls `predict` with the next row of the inputs each time.

    The same row again and again would look faster than it is, since the processor predicts its branches.

    Args:
        call: `Model.predict`.
        inputs: raw inputs [n, …] by name, as many of each.
    """
    rows: list[Any] = [
        {name: values[at : at + 1] for name, values in inputs.items()}
        for at in range(len(next(iter(inputs.values()))))
    ]
    if len(inputs) == 1:
        rows = [row.popitem()[1] for row in rows]
    position = 0

    def call_next() -> object:
        nonlocal position
        position = (position + 1) % len(rows)
        return call(rows[position])

    return call_next


def measure(
    callables: Mapping[str, Callable[[], object]], calls: int | None, watch: Watch | None = None
) -> dict[str, RankedLatency]:
    """Interleaved latencies, each beside the fastest; blocks that `watch` sees disturbed are measured again.

    Args:
        callables: what to measure.
        calls: how many calls of each in all, a few more where blocks would be uneven; None for as many as fit in a few
            seconds.
        watch: what sees disturbances, if anything does.

    Raises:
        UsageError: less than one call.
    """
    if calls is not None and calls < 1:
        raise UsageError(f"--calls is {calls}; give at least 1")
    if not callables:
        return {}
    if calls is None:
        slowest = max(_seconds(call) for call in callables.values())
        calls = int(min(_MOST_CALLS, max(_LEAST_CALLS, _BUDGET_S / slowest)))
    # So many blocks that a difference can be told from chance; of fewer calls it is not.
    least = max(least_blocks(len(callables)), min(_MOST_BLOCKS, calls // 5))
    even = (blocks for blocks in range(least, 2 * least) if calls % blocks == 0)
    rounds = min(calls, next(even, least))
    samples = times(callables, rounds, -(-calls // rounds), watch)
    return compared({name: values / 1000 for name, values in samples.items()})


def _seconds(call: Callable[[], object]) -> float:
    call()
    begin = perf_counter()
    call()
    return perf_counter() - begin
