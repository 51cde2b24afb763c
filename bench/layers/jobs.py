"""Work in child processes that may die: a job that takes its process along has given its answer, and the rest go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

Job = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
_MOST = 20  # jobs in one process, whose memory grows with each graph that TensorFlow traces


class Answers:
    """The answers to jobs, kept in a file as they come, so that a later run asks only for the rest."""

    def __init__(self, file: Path, processes: int = 1) -> None:
        self._file, self._processes, self._lock = file, processes, Lock()
        lines = file.read_text().splitlines() if file.exists() else []
        self._known: dict[str, Any] = dict(json.loads(line) for line in lines)

    def of(self, module: str, jobs: Sequence[Job]) -> list[Any]:
        """The answer to each job in order, from processes that run the module."""
        keys = [json.dumps([module, job], sort_keys=True) for job in jobs]
        left = [(key, job) for key, job in zip(keys, jobs, strict=True) if key not in self._known]
        batches = [left[start : start + _MOST] for start in range(0, len(left), _MOST)]

        def work(batch: list[tuple[str, Job]]) -> None:
            answers = list(done(module, [job for _, job in batch]))
            with self._lock, self._file.open("a") as file:
                for (key, _), answer in zip(batch, answers, strict=True):
                    self._known[key] = answer
                    file.write(json.dumps([key, answer]) + "\n")

        with ThreadPoolExecutor(self._processes) as pool:
            list(pool.map(work, batches))
        return [self._known[key] for key in keys]


def done(module: str, jobs: Sequence[Job]) -> Iterator[Any]:
    """Each job's answer in order, from one process at a time; for one that killed its own, how it ended."""
    left = list(jobs)
    while left:
        answers, end = _process(module, left)
        if len(answers) < len(left):
            answers.append(f"the process ends: {end}")
        yield from answers
        left = left[len(answers) :]


def _process(module: str, jobs: Sequence[Job]) -> tuple[list[Any], str]:
    """The answers of one process, and how it ended."""
    child = subprocess.run(
        [sys.executable, "-m", module],
        input="".join(json.dumps(job) + "\n" for job in jobs),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    answers = [json.loads(line) for line in child.stdout.splitlines()]
    if child.returncode < 0:
        return answers, signal.Signals(-child.returncode).name
    said = child.stderr.strip().splitlines()[-1:]
    return answers, ": ".join([f"exit code {child.returncode}", *said])


def serve(work: Callable[[Job], Any]) -> None:
    """The other side: answers each job on stdin with a line on stdout, each flushed."""
    # Converters print on stdout too: the answers get a stream of their own, and what they print goes to stderr.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            print(json.dumps(work(json.loads(line))), file=answers, flush=True)
