"""The workers: how many work at a time, and how they end."""

import os
import signal
import sys
import time
from multiprocessing import get_context
from multiprocessing.util import Finalize
from pathlib import Path

import pytest
from pebble import CONSTS
from pebble.common import process_exit

from export.run import steps
from export.run.steps import Step
from export.run.workers import Workers, start_worker

SPELL_S = 0.2


def spell() -> tuple[float, float]:
    """Some work: when it began and ended, by the clock that all processes share."""
    began = time.monotonic()
    time.sleep(SPELL_S)
    return began, time.monotonic()


@pytest.mark.parametrize("jobs", [1, 2])
def test_as_many_steps_at_a_time_as_jobs_over_all_pools(jobs, tmp_path, monkeypatch):
    (tmp_path / "keras.py").touch()  # the workers import it in no time
    monkeypatch.syspath_prepend(tmp_path)
    spells_of_work = [
        Step((pool, str(number)), pool, spell, steps.given())
        for pool in ("keras", "device")
        for number in range(3)
    ]
    with Workers(jobs) as workers:
        results = steps.run(workers, spells_of_work, lambda step, outcome: None)
    spells = [outcome.value for outcome in results.values()]
    at_a_time = [sum(began <= start < ended for began, ended in spells) for start, _ in spells]
    assert max(at_a_time) == jobs


def end(log_folder: Path, given_back: Path) -> None:
    """A worker that is terminated, as the pool does, while it gives back what it holds."""
    signal.signal(signal.SIGTERM, process_exit)
    start_worker(log_folder)

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


def blocked_signals() -> set[int]:
    return signal.pthread_sigmask(signal.SIG_BLOCK, [])


def modules() -> set[str]:
    """What a worker has imported once it can build, verify and time."""
    import export.run.jobs
    import export.trained.register  # noqa: F401

    return {name.split(".")[0] for name in sys.modules}


def test_ctrl_c_is_the_parents_to_handle():
    with Workers(1) as workers:
        assert signal.SIGINT in workers.call("device", blocked_signals).value
    assert signal.SIGINT not in blocked_signals()


def test_a_worker_pays_for_no_converter_before_it_converts():
    with Workers(1) as workers:
        imported = workers.call("device", modules).value
    assert "export" in imported
    assert imported & {"tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "litert_quantizer"} == set()


def test_stopped_workers_end_and_may_be_left_afterwards():
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), Workers(1) as workers:
        workers.submit("device", time.sleep, 300)
        workers.stop()
        raise KeyboardInterrupt
    assert time.monotonic() - began < 60


def end_slowly(ended: Path, seconds: float) -> None:
    """As a worker does on a busy machine: its end takes longer than pebble waits."""

    def take_time() -> None:
        time.sleep(seconds)
        ended.touch()

    Finalize(None, take_time, exitpriority=0)


def be_terminated_at_the_end(ended: Path) -> None:
    """As where pebble terminates a worker at the moment in which it ends by itself."""
    Finalize(None, ended.touch, exitpriority=0)
    Finalize(None, os.kill, (os.getpid(), signal.SIGTERM), exitpriority=1000)


def test_a_worker_that_is_ending_cannot_be_terminated(tmp_path):
    with Workers(1) as workers:
        assert workers.call("device", be_terminated_at_the_end, tmp_path / "ended").ok
    assert (tmp_path / "ended").exists()


def test_a_worker_that_ends_slowly_is_not_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(CONSTS, "term_timeout", 0.2)
    with Workers(1) as workers:
        assert workers.call("device", end_slowly, tmp_path / "ended", CONSTS.term_timeout + 1).ok
    assert (tmp_path / "ended").exists()
