"""Latency of every verified row of one model: single calls, in blocks that alternate between the rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data.original import Original
from export.run import jobs
from export.run.plan import pool_of
from export.run.workers import PoolName, Workers
from runtime.measure import timing
from runtime.measure.machine import cpu_name
from runtime.measure.row import MeasuredRow

ROUNDS = 4
CALLS = 125
BLOCK_S = 0.01  # slow models get fewer calls a block, never less than one
SLOW_S, SLOW_ROUNDS = 0.2, 3  # and where a call takes this long, fewer blocks


def measure(
    workers: Workers, original: Original, rows: list[MeasuredRow], files: dict[str, Path]
) -> list[MeasuredRow]:
    """Returns the rows, with the latencies of those that passed; nothing else may run meanwhile.

    `files` gives each variant's file.  Where an engine fails during the measurement, its row becomes a failed one.
    """
    timed = [row for row in rows if row.passed]
    samples: dict[int, list[np.ndarray]] = {}

    def block(index: int, count: int) -> np.ndarray | None:
        row = timed[index]
        path = files[row.variant]
        # One worker, where the others may be several: each file is open once.
        pool: PoolName = "timing" if pool_of(row.engine) == "device" else "keras"
        outcome = workers.call(pool, jobs.time_block, row.engine, path, original.folder, count)
        if not outcome.ok:
            timed[index] = row.with_verdict("failed", f"latency: {outcome.reason}")
        found: np.ndarray | None = outcome.value
        return found

    calls: dict[int, int] = {}
    rounds: dict[int, int] = {}
    for index in range(len(timed)):
        first = block(index, 1)
        if first is not None:
            seconds = max(first[0], 1) / 1e9
            calls[index] = max(1, min(CALLS, int(BLOCK_S / seconds)))
            rounds[index] = SLOW_ROUNDS if seconds > SLOW_S else ROUNDS
    order = list(calls)
    for turn in range(ROUNDS):
        order = order[1:] + order[:1]  # so that no row always follows the same one
        for index in [index for index in order if index in calls and turn < rounds[index]]:
            found = block(index, calls[index])
            if found is None:
                del calls[index]
            else:
                samples.setdefault(index, []).append(found)
    for index in calls:
        latency = timing.summary(np.stack(samples[index]))
        timed[index] = timed[index]._replace(**latency._asdict(), board=cpu_name())
    finished = iter(timed)
    return [next(finished) if row.passed else row for row in rows]
