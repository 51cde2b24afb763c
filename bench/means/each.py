"""What each way to tune an int8 file gains on a model that has been exported, whether it misses the budget or not."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from data.original import Original, read_original
from export.checks.answers import count, in_chunks, rows
from export.checks.spread import spreads
from export.formats.format import Conversion, FormatName
from export.formats.table import FORMATS
from export.quantization import ranges
from export.run import jobs
from export.run.tuning import Answered, Tuning
from export.trained.samples import load_test_data
from runtime.errors import UsageError

ENGINES: dict[FormatName, str] = {"tflite": "litert", "onnx": "onnxruntime"}
CHANGES: dict[str, Callable[[Tuning], str | None]] = {
    "ranges": Tuning.search_ranges,
    "rounding": Tuning.round_weights,
    "bias": Tuning.correct_biases,
}
HEAD = (
    f"| model | format | int8 dB | {' | '.join(CHANGES)} | all three | agreement | with all three |",
    f"|---|---|{'---:|' * (len(CHANGES) + 4)}",
)
_MOST_SAMPLES = 2000  # of the test data


def lines(folder: Path, data_dir: str | None = None) -> Iterator[str]:
    """A row for each format: how far int8's error on test samples is below the spread, and what each change takes off.

    Both in decibels, of the mean absolute error.

    In the last columns a change stays only where it helps on the calibration samples that it was not made with.

    Raises:
        UsageError: the model has not been exported.
        DataError: its dataset is not here.
    """
    original = read_original(folder)
    for format_, engine in ENGINES.items():
        suffix = FORMATS[format_].suffix
        source = folder / "bundle" / f"{format_}-float32{suffix}"
        recorded = ranges.read(folder).get(format_)
        if not source.exists() or recorded is None:
            raise UsageError(f"{source} is not there; export {original.name} first")
        with tempfile.TemporaryDirectory(prefix="edgeproof-") as scratch:
            file = Path(scratch) / f"int8{suffix}"
            conversion = Conversion(source, file, original.record, ranges.as_ranges(recorded))
            job = Tuning(FORMATS[format_], conversion, engine, original, data_dir)
            yield f"| {original.name} | {format_} | {_cells(job, _test(original, conversion, engine, data_dir))} |"


def _test(original: Original, conversion: Conversion, engine: str, data_dir: str | None) -> Answered:
    every = load_test_data(original, data_dir).inputs
    asked = np.random.default_rng(0).permutation(count(every))[:_MOST_SAMPLES]
    raw = rows(every, np.sort(asked))
    answers = in_chunks(jobs.runner(engine, conversion.source), original, raw)
    return Answered(raw, answers, spreads(original))


def _cells(job: Tuning, test: Answered) -> str:
    int8 = job.file
    plain = job.error(int8.content, test)
    gained = []
    for change in CHANGES.values():
        change(job)
        gained.append(_gain(plain, job.error(job.file.content, test)))
        job.file = int8
    for change in CHANGES.values():
        before, error = job.file, job.held_out_error()
        change(job)
        if not job.held_out_error() < error:
            job.file = before
    gained.append(_gain(plain, job.error(job.file.content, test)))
    shares = [job.agreement(each.content, test) for each in (int8, job.file)]
    return " | ".join(
        (
            f"{-20 * np.log10(plain):.1f}",
            *gained,
            *("–" if each is None else f"{each:.2%}" for each in shares),
        )
    )


def _gain(before: float, after: float) -> str:
    return f"{20 * np.log10(before / after):+.1f}"
