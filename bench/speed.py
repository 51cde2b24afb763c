"""`python -m bench`: run, predict and batches beside the engine's own calls, in interleaved blocks of one run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import process_time_ns
from typing import NamedTuple

import numpy as np

from bench import bare, interleaved
from bench.arguments import golden_rows, is_plain
from bench.interleaved import CALLS, FEWEST_CALLS, Over, calls_of_a_block, over
from runtime.bundle.manifest import Variant
from runtime.bundle.reader import Bundle
from runtime.commands.table import aligned
from runtime.loading import load_from
from runtime.measure.latency import single_calls
from runtime.measure.timing import times

# The limits of the project, in µs over the bare calls.
MAX_RUN_OVER_US, MAX_PREDICT_OVER_US = 1.0, 3.0
# What two measurements of one thing differ by on a busy machine; the raw batch is converted within it.
MAX_BATCH_RATIO = 1.05
_WHY_SMALL = (
    ": so small a net is as quick as the checks that all values are finite, which the bare calls lack"
)
_SMALL_US = 0.5  # a row
_WHY_DYNAMIC = ": row by row, since this engine's batches of such files end the process on a Pi 5"
_WHY_PAIR = "this file takes them one by one, and joins them"
_BATCH_ROWS = 1024
_BATCH_US, _FEWEST_ROWS = 20_000, 8  # a batch of a slow net has fewer rows
_BATCH_ROUNDS = 7


class Batch(NamedTuple):
    """A large batch: µs a row of predict and of the bare engine in chunks of its best size, and the ratios of turns.

    `pair_of_loop` is the time of two rows in one call over that of two calls.
    """

    us_per_row: float
    bare_us_per_row: float
    best_size: int
    of_bare: float
    of_loop: float
    pair_of_loop: float


class Row(NamedTuple):
    """One variant on one engine; latencies are medians in µs.

    `again` is how much longer than the bare engine another one takes with the same file: what chance decides.
    """

    model: str
    variant: str
    engine: str
    bare_us: float
    again: Over
    run: Over
    predict: Over
    batch: Batch

    def misses(self) -> list[str]:
        """The limits that this row does not keep, even at the near end of its interval."""
        missed = []
        most = 0.0 if self.engine == "onnxruntime" else MAX_RUN_OVER_US
        if self.run.low_us > most:
            missed.append(f"run {self.run.us:+.1f} µs, limit {most:+.1f}{self._chance()}")
        if self.predict.low_us > MAX_PREDICT_OVER_US:
            missed.append(
                f"predict {self.predict.us:+.1f} µs, limit {MAX_PREDICT_OVER_US:+.1f}{self._chance()}"
            )
        if self.batch.of_bare > MAX_BATCH_RATIO:
            missed.append(
                f"batch {self.batch.of_bare:.2f} x the engine's best, limit {MAX_BATCH_RATIO:.2f}{self._why_batch()}"
            )
        if self.batch.of_loop > MAX_BATCH_RATIO:
            missed.append(f"batch {self.batch.of_loop:.2f} x the loop of single calls")
        if self.batch.pair_of_loop > MAX_BATCH_RATIO:
            missed.append(f"two rows {self.batch.pair_of_loop:.2f} x two calls: {_WHY_PAIR}")
        return missed

    def _why_batch(self) -> str:
        if (self.engine, self.variant) == ("tflite-runtime", "tflite-dynamic"):
            return _WHY_DYNAMIC
        return _WHY_SMALL if self.batch.bare_us_per_row < _SMALL_US else self._chance()

    def _chance(self) -> str:
        return f" (a second bare engine with this file, memory elsewhere: {self.again} µs)"


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    return interleaved.parser("speed", __doc__)


def run(args: argparse.Namespace) -> int:
    """Prints the table."""
    return interleaved.run(args, is_plain, measure, table, footnote)


def measure(bundle: Bundle, variant: Variant, engine: str, rounds: int) -> Row:
    """One row of the table. All callables are given the same rows in turn."""
    content = bundle.read(variant.file)
    raw = golden_rows(bundle)
    floats = raw.astype(np.float32)
    model = load_from(bundle, variant.name, engine, 1)
    infer, again = bare.single(engine, content), bare.single(engine, content)
    run_model, predict = model.run, model.predict
    (name,) = bundle.manifest.inputs

    def run_row(row: np.ndarray) -> object:
        return run_model({name: row})

    def one_by_one(rows: np.ndarray) -> object:
        return [predict(rows[at : at + 1]) for at in range(len(rows))]

    trial = times({"bare": single_calls(infer, {"rows": floats})}, rounds=1, calls=FEWEST_CALLS)["bare"]
    blocks = times(
        {
            "bare": single_calls(infer, {"rows": floats}),
            "again": single_calls(again, {"rows": floats}),
            "run": single_calls(run_row, {"rows": floats}),
            "predict": single_calls(predict, {"rows": raw}),
            "pair": _pairs(predict, raw),
            "loop": _pairs(one_by_one, raw),
        },
        rounds,
        calls_of_a_block(float(np.median(trial)) / 1000),
    )
    medians = {key: np.median(block, axis=1) / 1000 for key, block in blocks.items()}
    single_us = float(np.median(medians["bare"]))
    again_us, run_us, predict_us = (
        over(medians[key], medians["bare"]) for key in ("again", "run", "predict")
    )
    batch = Batch(
        *_batches(bundle, variant, engine, content, predict, raw, single_us),
        float(np.median(medians["pair"] / medians["loop"])),
    )
    return Row(bundle.manifest.model, variant.name, engine, single_us, again_us, run_us, predict_us, batch)


def _pairs(call: Callable[[np.ndarray], object], inputs: np.ndarray) -> Callable[[], object]:
    """Calls with one pair of rows after the other."""
    pairs = np.stack([inputs[:-1], inputs[1:]], axis=1)
    return single_calls(lambda pair: call(pair[0]), {"pairs": pairs})


def _batches(
    bundle: Bundle, variant: Variant, engine: str, content: bytes,
    predict: Callable[[np.ndarray], np.ndarray], raw: np.ndarray, single_us: float,
) -> tuple[float, float, int, float, float]:  # fmt: skip
    """The first fields of Batch, from predict on a raw batch, the bare engine on a prepared one, and single calls."""
    count = min(_BATCH_ROWS, 1 << int(np.log2(max(_FEWEST_ROWS, _BATCH_US / single_us))))
    batch = np.resize(raw, (count, *raw.shape[1:]))
    floats = batch.astype(np.float32)
    sizes = bare.chunk_sizes(raw.shape[1:], count)
    if variant.format == "onnx" and variant.scheme == "dynamic":
        sizes = [1]  # in one call, all rows share one scale: each answer would depend on the others
    bare_calls = {size: _bound(bare.batched(engine, content, size), floats) for size in sizes}
    first = _turns(bare_calls, 3)
    best = min(sizes, key=lambda size: float(first[size].min()))
    found = _turns(
        {
            0: _bound(predict, batch),
            best: bare_calls[best],
            -1: lambda: [predict(batch[at : at + 1]) for at in range(count)],
        },
        _BATCH_ROUNDS,
    )
    ours, engines, loop = (found[key] / 1000 / count for key in (0, best, -1))
    return (
        float(np.median(ours)), float(np.median(engines)), best,
        float(np.median(ours / engines)), float(np.median(ours / loop)),
    )  # fmt: skip


def _turns(calls: dict[int, Callable[[], object]], rounds: int) -> dict[int, np.ndarray]:
    """Nanoseconds of each callable in each of `rounds` turns; a call before each timed one warms its caches.

    CPU time of this process, all its threads: such long calls would be interrupted by other processes.
    """
    took = {key: np.empty(rounds) for key in calls}
    for turn in range(rounds):
        for key, call in calls.items():
            call()
            begin = process_time_ns()
            call()
            took[key][turn] = process_time_ns() - begin
    return took


def _bound(call: Callable[[np.ndarray], object], rows: np.ndarray) -> Callable[[], object]:
    return lambda: call(rows)


def table(rows: list[Row]) -> str:
    """The table in Markdown-free columns."""
    header = (
        "model", "variant", "engine", "bare µs", "again", "run, over it (95 %)", "predict, over it (95 %)",
        "batch µs/row", "engine's best", "at rows", "of it", "of a loop", "two rows",
    )  # fmt: skip
    cells = [
        (
            row.model, row.variant, row.engine, f"{row.bare_us:.1f}", f"{row.again.us:+.1f}",
            str(row.run), str(row.predict),
            f"{row.batch.us_per_row:.2f}", f"{row.batch.bare_us_per_row:.2f}", str(row.batch.best_size),
            f"{row.batch.of_bare:.2f}", f"{row.batch.of_loop:.2f}", f"{row.batch.pair_of_loop:.2f}",
        )
        for row in rows
    ]  # fmt: skip
    missed = [f"{row.model} {row.variant} {row.engine}: {miss}" for row in rows for miss in row.misses()]
    tail = (
        ["", "beyond a limit:", *(f"  {miss}" for miss in missed)] if missed else ["", "all limits are kept"]
    )
    return "\n".join([aligned(header, cells, right=tuple(range(3, 13))), *tail])


def footnote(rounds: int) -> str:
    """What was measured."""
    return (
        f"bare: set_tensor, invoke and get_tensor, or session.run, on one float32 row; again: the same in a second "
        f"engine with the same file; run: the same row; predict: the raw row. {rounds} rounds of up to {CALLS} calls, "
        f"interleaved; a difference is the median over rounds of the medians of a round. Batches of raw rows, beside "
        f"the engine on a prepared array: medians of {_BATCH_ROUNDS} turns, in CPU time; onnx-dynamic runs row by row, "
        f"since in one call each row's answer would depend on the others (one scale for all). Two rows: one call of "
        f"predict over two."
    )
