"""Faults in the middle of a function: kills, errors of the disk; it runs in a child process of its own each time."""

import multiprocessing
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from runtime.errors import EdgeProofError

# What the interpreter announces before it asks the system for it: every step of an install but writing and flushing.
CALLS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.scandir", "os.listdir")
_fork = multiprocessing.get_context("fork")


def kill_at_random(work: Callable[[], object], longest_s: float, chance: random.Random) -> None:
    """Runs `work` again and again, until kill -9 comes at a random moment."""
    ours, theirs = _fork.Pipe()

    def repeat() -> None:
        theirs.send("started")
        while True:
            work()

    child = _fork.Process(target=repeat)
    child.start()
    ours.recv()
    time.sleep(chance.random() * longest_s)
    child.kill()
    child.join()


def calls_of(work: Callable[[], object]) -> int:
    """How often `work` asks the system for one of CALLS."""
    ours, theirs = _fork.Pipe()

    def count() -> None:
        found: list[str] = []
        sys.addaudithook(lambda event, _: found.append(event) if event in CALLS else None)
        work()
        theirs.send(len(found))

    child = _fork.Process(target=count)
    child.start()
    theirs.close()  # so that a child that fails ends the wait
    counted: int = ours.recv()
    child.join()
    return counted


def kill_at(call: int, work: Callable[[], object]) -> None:
    """Runs `work`, killed before its call of this number."""
    _run(work, partial(_at_call, call, lambda: os.kill(os.getpid(), signal.SIGKILL)))


def fail_at(call: int, code: int, work: Callable[[], object]) -> None:
    """Runs `work`; its call of this number fails with this errno."""
    _run(work, partial(_at_call, call, partial(_fail, code)))


def cut_files_at(size_bytes: int, work: Callable[[], object]) -> None:
    """Runs `work`; no file may grow beyond this size, as on a disk that is full in the middle of a write."""
    _run(work, partial(_limit, size_bytes))


def _run(work: Callable[[], object], prepare: Callable[[], None]) -> None:
    """The errors that a command would print are what a fault should become; anything else ends the campaign."""

    def child_work() -> None:
        prepare()
        try:
            work()
        except (OSError, EdgeProofError):
            os._exit(0)
        os._exit(0)

    child = _fork.Process(target=child_work)
    child.start()
    child.join()
    if child.exitcode not in (0, -signal.SIGKILL):
        raise AssertionError(f"a fault became the exit code {child.exitcode}")


def _at_call(number: int, act: Callable[[], None]) -> None:
    counted = 0

    def hook(event: str, _: Any) -> None:
        nonlocal counted
        if event in CALLS:
            counted += 1
            if counted == number + 1:
                act()

    sys.addaudithook(hook)


def _fail(code: int) -> None:
    raise OSError(code, os.strerror(code))


def _limit(size_bytes: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))
