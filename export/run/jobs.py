"""Functions that worker processes run: build one file, verify it on one engine, time one block of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from data.original import Original, read_original
from export import golden
from export.checks.answers import Run, at_the_edge, probes
from export.checks.gate import Demand, Verdict, judge
from export.checks.halves import Half, half
from export.checks.ties import moved_by_ties
from export.formats.format import Conversion, Format, FormatName, Scheme
from export.formats.saved_model import SavedModelBackend
from export.quantization import ranges
from export.targets import Target
from export.trained.samples import load_test_data
from runtime.backends import open_backend
from runtime.bundle.golden import MOST_ROWS
from runtime.measure import timing
from runtime.measure.row import MeasuredRow


def build(format_: Format, scheme: Scheme, conversion: Conversion) -> tuple[str, ...]:
    """Builds one variant's file, proves that it is what its name says, and returns what was decided on the way."""
    conversion.destination.parent.mkdir(parents=True, exist_ok=True)
    notes = format_.converters[scheme](conversion)
    if format_.prove is not None:
        format_.prove(conversion.destination, scheme)
    return notes


def calibrate(
    original: Original,
    format_: FormatName,
    float32: Path,
    data_dir: str | None,
    repairs: tuple[tuple[str, ...], tuple[str, ...]],
) -> dict[str, Any]:
    """The activation ranges of a float32 file: `export.quantization.ranges.ranges`."""
    return ranges.ranges(original, format_, float32, data_dir, repairs)


def judge_file(
    row: MeasuredRow,
    path: Path,
    original: Original,
    target: Target,
    data: tuple[str | None] | None,
    demand: Demand,
    which: Half | None = None,
    sensitivity: Mapping[str, float] = MappingProxyType({}),
    golden_rows: int = MOST_ROWS,
) -> Verdict:
    """Judges one file on the engine that its row names.

    `data` is (data folder,), or None where there are no labelled samples; `which` half of them is asked, or None for
    all.  `sensitivity` is what rounding does to the original, by output; `golden_rows` is how many golden samples a
    bundle keeps.
    """
    labelled = None if data is None else load_test_data(original, data[0])
    part = None if which is None or labelled is None else half(len(labelled), which)
    verdict = judge(
        runner(row.engine, path), row, original, target, labelled, demand, part, sensitivity, golden_rows
    )
    if target.scheme == "dynamic" and row.engine == "litert" and verdict.row.passed:
        return replace(verdict, moved_by_ties=_moved_by_ties(path, original, verdict, golden_rows))
    return verdict


def _moved_by_ties(path: Path, original: Original, verdict: Verdict, golden_rows: int) -> dict[str, float]:
    kept, _ = golden.samples(original, golden_rows)
    asked = [
        (at_the_edge(original, kept), verdict.golden_outputs),
        (probes(original, kept), verdict.probe_outputs),
    ]
    return moved_by_ties(
        path.read_bytes(), lambda content: open_backend("litert", content, threads=1).run, asked
    )


def time_block(engine: str, path: Path, folder: Path, calls: int) -> np.ndarray:
    """Single-call latencies in nanoseconds, int64 [calls], of one file on one engine, warm-up excluded."""
    original, opened = _timed(folder)
    if (engine, path) not in opened:
        opened[engine, path] = _open_call(engine, path, original)
    found: np.ndarray = timing.times({"it": opened[engine, path]}, rounds=1, calls=calls)["it"][0]
    return found


@lru_cache(maxsize=1)
def _timed(folder: Path) -> tuple[Original, dict[tuple[str, Path], Callable[[], object]]]:
    """The model that is timed, and its calls by engine and file: kept until the next model's are asked for."""
    return read_original(folder), {}


def _open_call(engine: str, path: Path, original: Original) -> Callable[[], object]:
    """One inference of the first golden sample."""
    run = runner(engine, path)
    sample = {name: rows[:1] for name, rows in at_the_edge(original, original.golden()[0]).items()}
    return lambda: run(sample)


def runner(engine: str, path: Path) -> Run:
    """How one file is run on one engine, with one thread."""
    if engine == "tensorflow":
        return SavedModelBackend(path).run
    return open_backend(engine, path.read_bytes(), threads=1).run
