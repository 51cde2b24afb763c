"""Worker processes that may die without taking the others along.

This module holds every workaround that relies on undocumented behaviour of pebble's pools and of Python's
multiprocessing. Read in pebble 5.2:

- a pool starts its threads and processes at the first `schedule`, and they inherit the signal mask of that moment;
- it terminates workers that are already ending by themselves, and such a worker may leave a semaphore locked;
- it writes to its log about each worker that died, which is what an `Outcome` says.
"""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker, util
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

from pebble import CONSTS, ProcessExpired, ProcessPool
from pebble.common import process_exit

from export.library_errors import in_words
from export.run.keras_import import import_keras
from runtime.errors import EdgeProofError

PoolName = Literal["keras", "device", "timing"]
TIMEOUT_S = 1800
END_S = (
    60  # how long a worker without work may take to end before it is killed: on a busy machine, some seconds
)


@dataclass(frozen=True)
class Outcome:
    """What became of a call: its value, or in one line why there is none (`error` then holds the exception)."""

    value: Any = None
    reason: str | None = None
    error: BaseException | None = None

    @property
    def ok(self) -> bool:
        """Whether the call did what it was for."""
        return self.reason is None


def start_worker(log_folder: Path) -> None:
    """Prepares a worker: its output goes to a log of its own, and no GPU is taken."""
    log = os.open(log_folder / f"{os.getpid()}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    signal.signal(signal.SIGTERM, _end)
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}


def _end(*_: object) -> None:
    """Ends this worker when it is terminated, with all that multiprocessing cleans up; once it is ending, lets it."""
    if not util.is_exiting():
        process_exit(1)


def _with_keras(function: Callable[..., Any], *arguments: Any) -> Any:
    import_keras()
    return function(*arguments)


class Workers:
    """Pools of processes: `keras` workers import TensorFlow, `device` workers and the one for `timing` must never.

    tflite-runtime cannot load a model in a process that TensorFlow was imported into ("vector::reserve").
    A pool starts its workers, `jobs` of them or the one for `timing`, at its first call.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        logging.getLogger("pebble").setLevel(logging.CRITICAL)
        resource_tracker.ensure_running()  # now, since it would undo the signal mask that `submit` sets
        # Else joblib, imported with scikit-learn, leaves a semaphore behind in every worker.
        os.environ.setdefault("JOBLIB_MULTIPROCESSING", "0")
        self._logs = tempfile.TemporaryDirectory(prefix="edgeproof-logs-")
        self._pools = {
            name: ProcessPool(
                max_workers=1 if name == "timing" else jobs,
                context=get_context("spawn"),
                initializer=start_worker,
                initargs=(Path(self._logs.name),),
            )
            for name in get_args(PoolName)
        }

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Workers that are stopped leave semaphores behind, about which Python then complains. An error that is told to
        # the user in one line comes when no call is running.
        if error is None or isinstance(error, EdgeProofError):
            CONSTS.term_timeout = END_S
            for pool in self._pools.values():
                pool.close()
            for pool in self._pools.values():
                pool.join()
        else:
            self.stop()
        self._logs.cleanup()

    def stop(self) -> None:
        """Ends all workers now, whatever they are doing."""
        for pool in self._pools.values():
            pool.stop()
        for pool in self._pools.values():
            pool.join()

    def submit(self, pool: PoolName, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Runs one function in a worker of that pool."""
        if pool == "keras":
            function, arguments = _with_keras, (function, *arguments)
        # Ctrl-C is the parent's to handle. A handler of a worker's own would come too late for one that is still
        # importing; so it is blocked while the pool starts.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            future: Future[Any] = self._pools[pool].schedule(
                function, args=list(arguments), timeout=TIMEOUT_S
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return future

    def call(self, pool: PoolName, function: Callable[..., Any], *arguments: Any) -> Outcome:
        """Runs one function in a worker of that pool and waits for what becomes of it."""
        return self.outcome(self.submit(pool, function, *arguments))

    def outcome(self, future: Future[Any]) -> Outcome:
        """What became of a submitted call; waits until it ended."""
        error = future.exception()
        if error is None:
            return Outcome(value=future.result())
        return Outcome(reason=self._reason(error), error=error)

    def _reason(self, error: BaseException) -> str:
        """One line that says why a call failed."""
        if isinstance(error, EdgeProofError):
            return str(error)
        if isinstance(error, ProcessExpired):
            log = Path(self._logs.name) / f"{error.pid}.log"
            lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
            last = f": {lines[-1].strip()[:200]}" if lines else ""
            return f"its worker process died (exit code {error.exitcode}){last}"
        if isinstance(error, TimeoutError):
            return f"gave up after {TIMEOUT_S} s"
        return f"{type(error).__name__}: {in_words(error)}"
