"""What runs inside the worker processes: build one file, verify it on one engine, time one block of calls."""

from __future__ import annotations

import importlib
import os
import signal
from collections.abc import Callable
from functools import lru_cache
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import numpy as np

from data.original import Original, read_original
from export.checks.gate import Run, verify
from export.formats.conversion import Conversion
from export.quantization import ranges
from export.targets import Target
from export.trained.samples import load_test_data
from runtime.backends import open_backend
from runtime.measure import timing


def start_worker(log_folder: Path) -> None:
    """Prepare a worker: its output goes to a log of its own, and no GPU is taken."""
    log = os.open(log_folder / f"{os.getpid()}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    # The pool terminates even workers that are ending by themselves, who would leave a semaphore half given back.
    Finalize(None, signal.signal, (signal.SIGTERM, signal.SIG_IGN), exitpriority=100)
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}


def build(target: Target, conversion: Conversion) -> None:
    """Build one variant's file and prove that it is what its name says."""
    module, function = target.convert.split(":")
    getattr(importlib.import_module(module), function)(conversion)
    if target.format != "saved_model":
        importlib.import_module(f"export.formats.{target.format}").prove(
            conversion.destination, target.scheme
        )


def calibrate(original: Original, format_: str, float32: Path, data_dir: str | None) -> dict[str, Any]:
    """The activation ranges of a float32 file: `export.quantization.ranges.ranges`."""
    return ranges.ranges(original, format_, float32, data_dir)


def check(
    engine: str, path: Path, original: Original, target: Target, data: tuple[str | None] | None
) -> dict[str, Any]:
    """Verify one file on one engine; `data` is (data folder,), or None where there are no labelled samples."""
    labelled = None if data is None else load_test_data(original, data[0])
    return verify(_runner(engine, path, original), original, target, labelled)


def time_block(engine: str, path: Path, folder: Path, calls: int) -> np.ndarray:
    """Single-call latencies in nanoseconds, int64 [calls], of one file on one engine, warm-up excluded."""
    kept = _open_calls(folder)
    if (engine, path) not in kept:
        kept[engine, path] = _open_call(engine, path, read_original(folder))
    found: np.ndarray = timing.times({"it": kept[engine, path]}, rounds=1, calls=calls)["it"][0]
    return found


@lru_cache(maxsize=1)
def _open_calls(folder: Path) -> dict[tuple[str, Path], Callable[[], object]]:
    """The calls of one model, by engine and file: loaded once, kept until the next model's are asked for."""
    return {}


def _open_call(engine: str, path: Path, original: Original) -> Callable[[], object]:
    """One inference of the first golden sample."""
    run = _runner(engine, path, original)
    sample = original.golden()[0][:1].astype(np.float32)
    return lambda: run(sample)


def _runner(engine: str, path: Path, original: Original) -> Run:
    name_in, name_out = original.record.input.name, original.record.output.name
    if engine == "tensorflow":
        from export.formats.saved_model import SavedModelBackend

        backend: Any = SavedModelBackend(path)
    else:
        backend = open_backend(engine, path.read_bytes(), threads=1)
    return lambda rows: backend.run({name_in: rows})[name_out]
