"""Steps that depend on each other, run in worker processes that may die without taking the others along."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, TimeoutError, wait
from dataclasses import dataclass, field
from multiprocessing import get_context, resource_tracker
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

from pebble import ProcessExpired, ProcessPool

from export.run.jobs import start_worker
from runtime.errors import EdgeProofError

PoolName = Literal["keras", "device", "timing"]
Key = tuple[str, ...]  # model, what is done, variant or format, engine
Results = dict[Key, "Outcome"]
TIMEOUT_S = 1800


@dataclass(frozen=True)
class Outcome:
    """What became of a step: its value, or in one line why there is none (`error` then holds the exception)."""

    value: Any = None
    reason: str | None = None
    error: BaseException | None = None
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the step did what it was for."""
        return self.reason is None


@dataclass
class Step:
    """Call `function(*arguments(results))` in a worker of `pool` once all steps in `after` succeeded."""

    key: Key
    pool: PoolName
    function: Callable[..., Any]
    arguments: Callable[[Results], tuple[Any, ...]]
    after: tuple[Key, ...] = ()
    started: float = field(default=0.0)


class Workers:
    """Pools of processes: `keras` workers import TensorFlow, `device` workers and the one for `timing` must never.

    tflite-runtime cannot load a model in a process that TensorFlow was imported into ("vector::reserve").
    At most `jobs` steps run at a time in all together.  A pool starts its workers at its first step.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs
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
        for pool in self._pools.values():
            # Workers that are stopped leave semaphores behind, about which Python then complains.
            pool.close() if error is None else pool.stop()
        for pool in self._pools.values():
            pool.join()
        self._logs.cleanup()

    def submit(self, pool: PoolName, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Run one function in a worker of that pool."""
        # Ctrl-C is the parent's to handle. The pool's threads and processes, started at the first call, inherit
        # this mask; a handler of their own would come too late for a worker that is still importing.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            future: Future[Any] = self._pools[pool].schedule(
                function, args=list(arguments), timeout=TIMEOUT_S
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return future

    def outcome(self, pool: PoolName, function: Callable[..., Any], *arguments: Any) -> Outcome:
        """Run one function in a worker of that pool and wait for what becomes of it."""
        return self._outcome(self.submit(pool, function, *arguments), 0.0)

    def run(self, steps: list[Step], done: Callable[[Step, Outcome], None]) -> Results:
        """Run all steps, each as soon as those before it succeeded; `done` is told of each as it ends.

        A step whose worker dies, or that comes after one that failed, fails with that reason; the others go on.
        """
        results: Results = {}
        waiting = {step.key: step for step in steps}
        running: dict[Future[Any], Step] = {}
        while waiting or running:
            for step in list(waiting.values()):
                failed = [key for key in step.after if key in results and not results[key].ok]
                if failed:
                    del waiting[step.key]
                    results[step.key] = Outcome(reason=results[failed[0]].reason)
                    done(step, results[step.key])
                elif len(running) < self._jobs and all(key in results for key in step.after):
                    del waiting[step.key]
                    step.started = time.monotonic()
                    running[self.submit(step.pool, step.function, *step.arguments(results))] = step
            if not running:
                continue
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                step = running.pop(future)
                results[step.key] = self._outcome(future, time.monotonic() - step.started)
                done(step, results[step.key])
        return results

    def _outcome(self, future: Future[Any], seconds: float) -> Outcome:
        error = future.exception()
        if error is None:
            return Outcome(value=future.result(), seconds=seconds)
        return Outcome(reason=self._reason(error), error=error, seconds=seconds)

    def _reason(self, error: BaseException) -> str:
        """One line that says why a step failed."""
        if isinstance(error, EdgeProofError):
            return str(error)
        if isinstance(error, ProcessExpired):
            log = Path(self._logs.name) / f"{error.pid}.log"
            lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
            last = f": {lines[-1].strip()[:200]}" if lines else ""
            return f"its worker process died (exit code {error.exitcode}){last}"
        if isinstance(error, TimeoutError):
            return f"gave up after {TIMEOUT_S} s"
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
