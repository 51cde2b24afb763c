"""The gate: what a built file answers on the engine it will run on, against the original's answers.

float32 is held to parity.  Every other scheme is held to the budget, by a paired comparison with the original on the
same labelled samples; without them, to a floor that catches garbage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from types import MappingProxyType

import numpy as np

from data.dataset import Arrays, Split
from data.golden import places
from data.original import Original
from data.trained_model import MetricRecord
from export.checks import interim
from export.checks.answers import Run, at_the_edge, count, one_by_one, probes, rows
from export.checks.comparison import compared
from export.checks.flips import Flip
from export.checks.floor import below_floor
from export.checks.spread import parity_tolerances, spreads
from export.checks.statistics import Drop, samples_needed
from export.checks.user_metric import UserMetric, direction
from export.quantization.names import REPAIRS
from export.targets import Target
from runtime.bundle.golden import MOST_ROWS
from runtime.bundle.manifest import Tolerance
from runtime.choose.limits import budget, drop_interval, drop_problem, dropped, share_of_budget
from runtime.errors import ParityError, UsageError
from runtime.measure.metric import (
    drop_text,
    metric_text,
)
from runtime.measure.row import MeasuredRow
from runtime.selftest import parity

_REMEDY = "allow more with --max-drop, or take a scheme of more bits"


@dataclass(frozen=True)
class Demand:
    """What the user asks of quantized files.

    Attributes:
        budget: what a metric may lose at most, in percentage points or percent of an error; None for the usual one.
        strict: whether what is not proved is refused.
        repairs: the names of the repairs of weights that may be made.
        named: whether the targets were named: then a mixed file is built though plain int8 keeps the budget.
    """

    budget: float | None = None
    strict: bool = False
    named: bool = False
    repairs: tuple[str, ...] = tuple(REPAIRS)


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one variant on one engine: the row with status, reason and figures.

    Where the variant passed, also its own answers by output: to the golden inputs that a bundle keeps, one row a call,
    and to the probes made of them.  The self-test on a device compares with these.  `golden_errors` is the largest
    distance to the original's answers to all golden inputs, by output.  `moved_by_ties` is how far the kept answers
    move in most rows when floats between two steps are rounded the other way, by output; empty where that was not
    measured.  `flips` are some of the samples that are decided otherwise, passed or not.
    """

    row: MeasuredRow
    golden_outputs: Arrays = field(default_factory=dict)
    probe_outputs: Arrays = field(default_factory=dict)
    golden_errors: Mapping[str, float] = field(default_factory=dict)
    moved_by_ties: Mapping[str, float] = field(default_factory=dict)
    flips: tuple[Flip, ...] = ()


def judge(
    run: Run,
    row: MeasuredRow,
    original: Original,
    target: Target,
    test_data: Split | None,
    demand: Demand,
    part: np.ndarray | None = None,
    sensitivity: Mapping[str, float] = MappingProxyType({}),
    golden_rows: int = MOST_ROWS,
) -> Verdict:
    """Measures one variant on one engine, and judges it; `row` says which, and holds no figures yet.

    `run` takes and gives arrays by name, [n, …], in the dtypes of the file.  The golden samples go through it one by
    one and as one batch, then the test data where it is there: all of it, or of a slow variant as much as the verdict
    needs.  Each output is judged by itself; the row holds the figures of the one that failed, else of the one that lost
    most of its budget, else of the one furthest off.  `part` names the test samples that are asked, int64 [n]; None for
    all.  All golden samples are judged, and the answers to `golden_rows` of them are kept.
    """
    inputs, expected = original.golden()
    wide = spreads(original)
    allowed = parity_tolerances(target, wide, sensitivity)
    row = row._replace(budget=None if target.scheme == "float32" else demand.budget, split="golden")
    row = row._replace(samples=count(inputs))
    records = original.record.outputs
    try:
        feeds = at_the_edge(original, inputs)
        began = perf_counter()
        singles = one_by_one(run, feeds)
        seconds = (perf_counter() - began) / count(feeds)
        batch = run(feeds)
        recorded = places(expected, records, golden_rows)
        to_probes = one_by_one(run, probes(original, rows(inputs, recorded)))
        found: dict[str, MeasuredRow] = {}
        flips: tuple[Flip, ...] = ()
        errors: dict[str, float] = {}
        for record in records:
            name = record.name
            row = row._replace(output=name if len(records) > 1 else None)
            for answers in (singles, batch):
                agreement = parity.measure(answers[name], expected[name], record.task)
                found[name] = row.with_parity(agreement)
                errors[name] = max(errors.get(name, 0.0), agreement.max_abs_error)
                if target.scheme == "float32":
                    problem = _beyond(allowed[name], agreement.max_abs_error)
                elif test_data is None or name not in test_data.targets:
                    problem = below_floor(record, answers[name], expected[name], wide[name])
                else:
                    problem = ""  # its metric decides
                if problem:
                    return Verdict(found[name].with_verdict("failed", problem))
        reference = original.reference()
        if test_data is not None and reference is not None:
            every = np.arange(len(test_data)) if part is None else part
            if any(map(direction, original.record.metrics.values())):
                # A user's metric is a function of all samples: of fewer of them it may be another.
                steps = [len(every)]
            elif target.scheme == "float32":
                steps = interim.for_parity(len(every), seconds)
            else:
                steps = interim.looks(len(every), seconds)
            found, flips = compared(run, found, original, test_data, reference, every, steps)
    except (ParityError, UsageError) as error:  # of a metric of the user's own
        return Verdict(row.with_verdict("failed", str(error)))
    judged = [
        _noted(
            _judged(found[record.name], target, allowed[record.name], demand),
            original.record.metrics.get(record.name),
        )
        for record in records
    ]
    worst = max(judged, key=lambda each: _badness(each, wide))
    if not worst.passed:
        return Verdict(worst, flips=flips)
    return Verdict(worst, rows(singles, recorded), to_probes, errors, flips=flips)


def _beyond(allowed: Tolerance, error: float) -> str:
    if error <= allowed.max_abs_error:  # NaN is not
        return ""
    return f"the largest error is {error:.3g}, above the tolerance of {allowed.max_abs_error:.3g} ({allowed.reason})"


def _judged(row: MeasuredRow, target: Target, allowed: Tolerance, demand: Demand) -> MeasuredRow:
    """The row of one output with its verdict."""
    if target.scheme == "float32":
        problem = _beyond(allowed, row.max_abs_error or 0.0)
        return (
            row.with_verdict("failed", f"{problem} on the test data") if problem else row.with_verdict("ok")
        )
    lost = dropped(row)
    if lost is None:
        return row.with_verdict("ok")
    low, high = drop_interval(row)
    interval = f"95 % interval {low:.2f} to {high:.2f}"
    problem = drop_problem(row, lost)
    if problem:
        before, after = (metric_text(row.scale, score) for score in (row.metric_original, row.metric))
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
        f"it loses {drop_text(row.scale, lost)} on {row.samples:,} samples ({interval}): within the budget of "
        f"{budget(row):g}, but not proved; {how_many}"
    )
    return row.with_verdict("failed" if demand.strict else "unproven", reason)


def _noted(row: MeasuredRow, score: MetricRecord | None) -> MeasuredRow:
    """The row, which says so where the interval of a metric of the user's own is of few resamples."""
    if row.metric is None or not isinstance(score, UserMetric) or score.few_resamples is None:
        return row
    return row.with_verdict(row.status, "; ".join(filter(None, (row.reason, score.few_resamples))))


def _badness(row: MeasuredRow, wide: Mapping[str, float]) -> tuple[float, ...]:
    """The order in which outputs are shown: failed ones, then unproven ones, then by what they lost."""
    status = ("ok", "unproven", "failed").index(row.status)
    lost = dropped(row)
    used = -np.inf if lost is None else share_of_budget(row, lost)
    only = next(iter(wide.values()))
    return status, used, (row.max_abs_error or 0.0) / wide.get(row.output or "", only)
