"""The workers: how many work at a time, and how they end."""

import os
import signal
import time
from multiprocessing import get_context
from multiprocessing.util import Finalize
from pathlib import Path

import pytest
from pebble.common import process_exit

from export.run import jobs
from export.run.workers import Step, Workers

SPELL_S = 0.2


def spell() -> tuple[float, float]:
    """Some work: when it began and ended, by the clock that all processes share."""
    began = time.monotonic()
    time.sleep(SPELL_S)
    return began, time.monotonic()


@pytest.mark.parametrize("jobs", [1, 2])
def test_as_many_steps_at_a_time_as_jobs_over_all_pools(jobs):
    steps = [
        Step((pool, str(number)), pool, spell, lambda results: ())
        for pool in ("keras", "device")
        for number in range(3)
    ]
    with Workers(jobs) as workers:
        results = workers.run(steps, lambda step, outcome: None)
    spells = [outcome.value for outcome in results.values()]
    at_a_time = [sum(began <= start < ended for began, ended in spells) for start, _ in spells]
    assert max(at_a_time) == jobs


def end(log_folder: Path, given_back: Path) -> None:
    """A worker that is terminated, as the pool does, while it gives back what it holds."""
    signal.signal(signal.SIGTERM, process_exit)
    jobs.start_worker(log_folder)

    def give_back() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        given_back.touch()

    Finalize(None, give_back, exitpriority=0)


def test_a_worker_that_ends_gives_back_all_it_holds_even_when_it_is_terminated(tmp_path):
    process = get_context("spawn").Process(target=end, args=(tmp_path, tmp_path / "given_back"))
    process.start()
    process.join()
    assert (tmp_path / "given_back").exists()
    assert process.exitcode == 0
