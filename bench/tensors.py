"""`python -m bench tensors`: run beside the engine's own calls, for models of several inputs or outputs."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import NamedTuple

import numpy as np

from bench import bare, interleaved
from bench.interleaved import CALLS, FEWEST_CALLS, Over, calls_of_a_block, over
from bench.speed import MAX_RUN_OVER_US
from runtime.bundle.golden import read_golden
from runtime.bundle.manifest import Manifest, Variant
from runtime.bundle.reader import Bundle
from runtime.commands.table import aligned
from runtime.loading import load_from
from runtime.measure.timing import times

Named = Mapping[str, np.ndarray]


class Row(NamedTuple):
    """One variant on one engine; the latency of the bare calls is a median in µs."""

    model: str
    variant: str
    engine: str
    inputs: int
    outputs: int
    bare_us: float
    run: Over

    @property
    def limit_us(self) -> float:
        """What `run` may take over the bare calls: as much again for every tensor but the first input and output."""
        return MAX_RUN_OVER_US * (self.inputs + self.outputs - 1)


def has_several(manifest: Manifest) -> bool:
    """Whether a model has more than one input or more than one output."""
    return len(manifest.inputs) > 1 or len(manifest.outputs) > 1


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    return interleaved.parser("tensors", __doc__)


def run(args: argparse.Namespace) -> int:
    """Prints the table."""
    return interleaved.run(args, has_several, measure, table, footnote)


def measure(bundle: Bundle, variant: Variant, engine: str, rounds: int) -> Row:
    """One row of the table. Both callables are given the same rows in turn."""
    manifest = bundle.manifest
    samples = {
        name: values.astype(manifest.inputs[name].tensor.dtype)
        for name, values in read_golden(bundle).inputs.items()
    }
    count = len(next(iter(samples.values())))
    rows = [{name: values[at : at + 1] for name, values in samples.items()} for at in range(count)]
    callables = {
        "bare": _in_turn(bare.by_name(engine, bundle.read(variant.file)), rows),
        "run": _in_turn(load_from(bundle, variant.name, engine, 1).run, rows),
    }
    trial = times(callables, rounds=1, calls=FEWEST_CALLS)["bare"]
    blocks = times(callables, rounds, calls_of_a_block(float(np.median(trial)) / 1000))
    bare_us, run_us = (np.median(blocks[key], axis=1) / 1000 for key in ("bare", "run"))
    return Row(
        manifest.model, variant.name, engine, len(manifest.inputs), len(manifest.outputs),
        float(np.median(bare_us)), over(run_us, bare_us),
    )  # fmt: skip


def _in_turn(call: Callable[[Named], object], rows: Sequence[Named]) -> Callable[[], object]:
    """Calls with one row after the other: the same again and again would look faster than it is."""
    following = cycle(rows)
    return lambda: call(next(following))


def table(rows: list[Row]) -> str:
    """A line for each row, and the rows beyond their limit once more."""
    header = ("model", "variant", "engine", "in", "out", "bare µs", "run, over it (95 %)", "limit")
    cells = [
        (
            row.model, row.variant, row.engine, str(row.inputs), str(row.outputs), f"{row.bare_us:.1f}",
            str(row.run), f"{row.limit_us:+.1f}",
        )
        for row in rows
    ]  # fmt: skip
    missed = [
        f"  {row.model} {row.variant} {row.engine}: run {row.run.us:+.1f} µs, limit {row.limit_us:+.1f}"
        for row in rows
        if row.run.low_us > row.limit_us
    ]
    tail = ["", "beyond a limit:", *missed] if missed else ["", "all limits are kept"]
    return "\n".join([aligned(header, cells, right=tuple(range(3, 8))), *tail])


def footnote(rounds: int) -> str:
    """What was measured."""
    return (
        f"bare: set_tensor for each input, invoke and get_tensor for each output, or session.run, on one row; run: the "
        f"same row. {rounds} rounds of up to {CALLS} calls, interleaved; the difference is the median over rounds of "
        f"the medians of a round. The limit is {MAX_RUN_OVER_US} µs, and the same again for each tensor but one input "
        f"and one output."
    )
