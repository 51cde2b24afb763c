"""Steps that depend on each other, run by workers in an order in which each finds what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from graphlib import TopologicalSorter
from types import MappingProxyType
from typing import Any

from export.run.workers import Outcome, PoolName, Workers

Key = tuple[str, ...]  # model, what is done, variant or format, engine
Results = dict[Key, Outcome]


@dataclass(frozen=True)
class Step:
    """Calls `function(*arguments(results))` in a worker of `pool` once all steps in `after` succeeded."""

    key: Key
    pool: PoolName
    function: Callable[..., Any]
    arguments: Callable[[Results], tuple[Any, ...]]
    after: tuple[Key, ...] = ()


def given(*arguments: Any) -> Callable[[Results], tuple[Any, ...]]:
    """The arguments of a step that does not depend on results."""
    return lambda results: arguments


def run(
    workers: Workers,
    steps: list[Step],
    done: Callable[[Step, Outcome], None],
    before: Mapping[Key, Outcome] = MappingProxyType({}),
) -> Results:
    """Runs all steps, at most `workers.jobs` at a time; of those that can run, the first in the list comes first.

    `before` are results of steps that ran earlier; they are among the results.

    `done` is told of each step as it ends.  A step whose worker dies, or that comes after one that failed, fails with
    that reason; the others go on.

    Raises:
        ValueError: two steps have the same key, one waits for a step that is in neither, or (`CycleError`) some wait
            for each other.
    """
    by_key = _by_key(steps, before)
    place = {key: position for position, key in enumerate(by_key)}
    order = TopologicalSorter({step.key: [key for key in step.after if key in by_key] for step in steps})
    order.prepare()
    results: Results = dict(before)
    ready: list[Key] = []
    running: dict[Future[Any], Step] = {}

    def ended(step: Step, outcome: Outcome) -> None:
        results[step.key] = outcome
        order.done(step.key)
        done(step, outcome)

    while order.is_active():
        ready = sorted([*ready, *order.get_ready()], key=place.__getitem__)
        while ready and len(running) < workers.jobs:
            step = by_key[ready.pop(0)]
            failed = next((results[key] for key in step.after if not results[key].ok), None)
            if failed is None:
                running[workers.submit(step.pool, step.function, *step.arguments(results))] = step
            else:
                ended(step, failed)
        if running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                ended(running.pop(future), workers.outcome(future))
    return results


def _by_key(steps: list[Step], before: Mapping[Key, Outcome]) -> dict[Key, Step]:
    """The steps by their keys, each of which is there once, as is every key that a step waits for."""
    by_key: dict[Key, Step] = {}
    for step in steps:
        if step.key in by_key or step.key in before:
            raise ValueError(f"two steps are called {' '.join(step.key)!r}")
        by_key[step.key] = step
    for step in steps:
        for key in step.after:
            if key not in by_key and key not in before:
                raise ValueError(f"step {' '.join(step.key)!r} waits for {' '.join(key)!r}, which is no step")
    return by_key
