"""Work in child processes that may die: a job that takes its process along has given its answer, and the rest go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_MOST = 40  # jobs in one process, whose memory grows with each graph that TensorFlow traces


def done(module: str, jobs: Sequence[dict[str, str]]) -> Iterator[Any]:
    """Each job's answer in order, from processes that run the module; for one that killed its own, how it ended."""
    left = list(jobs)
    while left:
        batch = left[:_MOST]
        answers, end = _process(module, batch)
        if len(answers) < len(batch):
            answers.append(f"the process ends: {end}")
        yield from answers
        left = left[len(answers) :]


def _process(module: str, jobs: Sequence[dict[str, str]]) -> tuple[list[Any], str]:
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


def serve(work: Callable[[dict[str, str]], Any]) -> None:
    """The other side: answers each job on stdin with a line on stdout, each flushed."""
    # Converters print on stdout too: the answers get a stream of their own, and what they print goes to stderr.
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            print(json.dumps(work(json.loads(line))), file=answers, flush=True)
