"""The gate: what a built file answers on the engine it will run on, against the original's answers.

float32 is held to parity.  Every other scheme is held to the budget, by a paired comparison with the original on the
same labelled samples; without them, to a floor that catches garbage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from data.dataset import Arrays, Split
from data.original import Original
from export.checks.floor import below_floor
from export.checks.spread import PROBABILITIES, spreads
from export.checks.statistics import Drop, compare, samples_needed
from export.chunks import chunk_rows
from export.targets import Target
from runtime.bundle.manifest import OutputRecord
from runtime.choose.limits import budget, drop_problem
from runtime.errors import ParityError
from runtime.measure.metric import (
    checked_targets,
    decided,
    drop,
    drop_text,
    known_metric,
    metric_name,
    metric_text,
)
from runtime.measure.row import MeasuredRow
from runtime.selftest import parity
from runtime.selftest.probes import probe_inputs

Run = Callable[[Arrays], Arrays]

_REMEDY = "allow more with --max-drop, or take a scheme of more bits"


@dataclass(frozen=True)
class Demand:
    """What the user asks of quantized files.

    Attributes:
        budget: what a metric may lose at most, in percentage points or percent of an error; None for the usual one.
        strict: whether what is not proved is refused.
    """

    budget: float | None = None
    strict: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one variant on one engine: the row with status, reason and figures.

    Where the variant passed, also its own answers by output: to the golden inputs, one row a call, and to the probes
    made of them.  The self-test on a device compares with these.  `golden_errors` is the largest distance of the first
    to the original's, by output.
    """

    row: MeasuredRow
    golden_outputs: Arrays = field(default_factory=dict)
    probe_outputs: Arrays = field(default_factory=dict)
    golden_errors: Mapping[str, float] = field(default_factory=dict)


def judge(
    run: Run, row: MeasuredRow, original: Original, target: Target, labelled: Split | None, demand: Demand
) -> Verdict:
    """Measure one variant on one engine, and judge it; `row` says which, and holds no figures yet.

    `run` takes and gives arrays by name, [n, …], in the dtypes of the file.  The golden samples go through it one by
    one and as one batch, then the whole test data where it is there.  Each output is judged by itself; the row holds
    the figures of the one that failed, else of the one that lost most of its budget, else of the one furthest off.
    """
    inputs, expected = original.golden()
    wide = spreads(original)
    row = row._replace(samples=len(next(iter(inputs.values()))), split="golden")
    records = original.record.outputs
    try:
        feeds = at_the_edge(original, inputs)
        singles = _one_by_one(run, feeds)
        batch = run(feeds)
        probes = _one_by_one(run, at_the_edge(original, probe_inputs(inputs, _inputs(original))))
        found = {}
        for record in records:
            name = record.name
            if len(records) > 1:
                row = row._replace(output=name)
            for answers in (singles, batch):
                found[name] = row.with_parity(parity.measure(answers[name], expected[name], record.task))
                problem = _far_off(target, record, answers[name], expected[name], wide[name], labelled)
                if problem:
                    return Verdict(found[name].with_verdict("failed", problem))
        reference = original.reference()
        if labelled is not None and reference is not None:
            outputs = _in_chunks(run, at_the_edge(original, labelled.inputs))
            found |= {
                record.name: _measured(
                    found[record.name], record, outputs[record.name], reference[record.name], labelled
                )
                for record in records
            }
    except ParityError as error:
        return Verdict(row.with_verdict("failed", str(error)))
    judged = [_judged(found[record.name], target, wide[record.name], demand) for record in records]
    worst = max(judged, key=lambda each: _badness(each, wide))
    if not worst.passed:
        return Verdict(worst)
    errors = {
        record.name: max(
            float(np.abs(answers[record.name].astype(np.float64) - expected[record.name]).max())
            for answers in (singles, batch)
        )
        for record in records
    }
    return Verdict(worst, singles, probes, errors)


def at_the_edge(original: Original, raw: Mapping[str, np.ndarray]) -> Arrays:
    """Raw inputs in the dtypes that a file takes: pixels as float32."""
    return {
        record.name: raw[record.name].astype(record.tensor.dtype, copy=False)
        for record in original.record.inputs
    }


def _inputs(original: Original) -> dict[str, Any]:
    return {record.name: record for record in original.record.inputs}


def _one_by_one(run: Run, feeds: Arrays) -> Arrays:
    count = len(next(iter(feeds.values())))
    rows = [run({name: values[at : at + 1] for name, values in feeds.items()}) for at in range(count)]
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _in_chunks(run: Run, feeds: Arrays) -> Arrays:
    """The answers to all samples, some at a time."""
    count = len(next(iter(feeds.values())))
    size = 8 * chunk_rows(max(values[0].size for values in feeds.values()))
    parts = [
        run({name: values[at : at + size] for name, values in feeds.items()}) for at in range(0, count, size)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _far_off(
    target: Target,
    record: OutputRecord,
    answers: np.ndarray,
    expected: np.ndarray,
    wide: float,
    labelled: Split | None,
) -> str:
    """Why answers to the golden inputs are too far from the original's; an empty string where they are not."""
    if target.scheme == "float32":
        return _beyond(target, float(np.abs(answers.astype(np.float64) - expected).max()), wide)
    checked = labelled is not None and record.name in labelled.targets
    return "" if checked else below_floor(record, answers, expected, wide)


def _beyond(target: Target, error: float, wide: float) -> str:
    allowed = target.tolerance.max_abs_error * wide
    if error <= allowed:  # NaN is not
        return ""
    return (
        f"the largest error is {error:.3g}, above the tolerance of {allowed:.3g} ({target.tolerance.reason})"
    )


def _measured(
    row: MeasuredRow, record: OutputRecord, outputs: np.ndarray, reference: np.ndarray, labelled: Split
) -> MeasuredRow:
    """The row with the parity on the test data and, where the output has targets there, its metric and the drop."""
    row = row.with_parity(parity.measure(outputs, reference, record.task))._replace(
        samples=len(outputs), split="test"
    )
    name = metric_name(record.task)
    if name is None or record.name not in labelled.targets:
        return row
    targets = checked_targets(record, labelled.targets[record.name], len(outputs))
    metric = known_metric(name)
    variant, before = (metric.parts(answers, targets) for answers in (outputs, reference))
    lost = compare(name, variant, before)
    return row._replace(
        metric_name=name,
        metric=float(metric.score(variant.mean(axis=0))),
        metric_original=float(metric.score(before.mean(axis=0))),
        metric_drop_low=lost.low,
        metric_drop_high=lost.high,
        flips=_flips(record, outputs, reference),
    )


def _flips(record: OutputRecord, outputs: np.ndarray, reference: np.ndarray) -> int | None:
    """How many samples are decided otherwise than by the original; None for values."""
    if record.task not in PROBABILITIES:
        return None
    if record.task == "multilabel":
        changed = (outputs >= 0.5) != (reference >= 0.5)
    else:
        changed = decided(outputs) != decided(reference)
    return int(changed.reshape(len(changed), -1).any(axis=1).sum())


def _judged(row: MeasuredRow, target: Target, wide: float, demand: Demand) -> MeasuredRow:
    """The row of one output with its verdict."""
    if target.scheme == "float32":
        problem = _beyond(target, row.max_abs_error or 0.0, wide)
        return (
            row.with_verdict("failed", f"{problem} on the test data") if problem else row.with_verdict("ok")
        )
    if row.metric is None or row.metric_original is None:
        return row._replace(budget=demand.budget).with_verdict("ok")
    row = row._replace(budget=demand.budget)
    lost = drop(row.metric_name, row.metric, row.metric_original)
    low, high = (_in_the_drops_unit(row, end) for end in (row.metric_drop_low, row.metric_drop_high))
    interval = f"95 % interval {low:.2f} to {high:.2f}"
    problem = drop_problem(row, lost)
    if problem:
        before, after = (metric_text(row.metric_name, score) for score in (row.metric_original, row.metric))
        return row.with_verdict(
            "failed",
            f"{row.metric_name} {after}, the original has {before}: {problem} ({interval}); {_REMEDY}",
        )
    if high <= budget(row):
        return row.with_verdict("ok")
    needed = samples_needed(Drop(lost, low, high), budget(row), row.samples or 0)
    how_many = (
        "no number of samples like these would decide" if needed is None else f"about {needed:,} would decide"
    )
    reason = (
        f"it loses {drop_text(row.metric_name, lost)} on {row.samples:,} samples ({interval}): within the budget of "
        f"{budget(row):g}, but not proved; {how_many}"
    )
    return row.with_verdict("failed" if demand.strict else "unproven", reason)


def _in_the_drops_unit(row: MeasuredRow, lost: float | None) -> float:
    """What is lost in the metric's own unit, in percentage points or percent."""
    assert row.metric_original is not None and lost is not None
    points = known_metric(row.metric_name).drop_unit == "points"
    return drop(row.metric_name, row.metric_original + (-lost if points else lost), row.metric_original)


def _badness(row: MeasuredRow, wide: Mapping[str, float]) -> tuple[float, ...]:
    """The order in which outputs are shown: failed ones, then unproven ones, then by what they lost."""
    status = ("ok", "unproven", "failed").index(row.status)
    used = -np.inf
    if row.metric is not None and row.metric_original is not None:
        used = drop(row.metric_name, row.metric, row.metric_original) / max(budget(row), 1e-9)
    only = next(iter(wide.values()))
    return status, used, (row.max_abs_error or 0.0) / wide.get(row.output or "", only)
