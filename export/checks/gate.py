"""The gate: what a built file answers on the engine it will run on, against the original's answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data import Split
from data.original import Original
from export.targets import Target
from runtime.bundle.manifest import Tolerance
from runtime.choose.limits import drop_problem
from runtime.choose.rule import drop_of
from runtime.errors import ParityError
from runtime.measure.metric import metric, metric_text
from runtime.measure.row import MeasuredRow
from runtime.selftest import parity
from runtime.selftest.probes import probe_inputs

BATCH = 500
Run = Callable[[np.ndarray], np.ndarray]


# Outputs that hardly differ are still rounded like their size: a float32 near 0.5 is known to 6e-8, and with the
# tolerance of float32, 1e-5 of this share of the size, eight such steps are allowed.
_LEAST_SHARE = 0.1


def spread(original: Original) -> float:
    """What a tolerance is a fraction of: 1 for probabilities; for a regressor the range of the original's outputs.

    Where the outputs hardly differ, it is a tenth of the largest of them.
    """
    if original.record.task == "classification":
        return 1.0
    reference = original.reference()
    outputs = original.golden()[1] if reference is None else reference
    return max(float(np.ptp(outputs)), _LEAST_SHARE * float(np.abs(outputs).max()), 1e-6)


def tolerance(original: Original, target: Target) -> Tolerance:
    """The tolerance of a target in the units of one original's output."""
    return Tolerance(target.tolerance.max_abs_error * spread(original), target.tolerance.reason)


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one variant on one engine: the row with status, reason and figures.

    Where the variant passed, also its own answers, float32 [n, k]: to the golden inputs and to the probes made of them.
    The self-test on a device compares with these.
    """

    row: MeasuredRow
    golden_outputs: np.ndarray | None = None
    probe_outputs: np.ndarray | None = None


def judge(run: Run, row: MeasuredRow, original: Original, target: Target, labelled: Split | None) -> Verdict:
    """Measure one variant on one engine, and judge it; `row` says which, and holds no figures yet.

    `run` takes float32 [n, …] and gives float32 [n, k].  The golden samples go through it one by one and as one
    batch; then the whole test split where it is there.  The verdict is failed where the outputs differ from the
    original's by more than the target's tolerance, or the metric is worse by more than the budget of
    runtime/choose/limits.py; the row then holds the figures that were measured until then.
    """
    task, allowed = original.record.task, tolerance(original, target)
    try:
        inputs, expected = original.golden()
        feed = inputs.astype(np.float32)
        row = row._replace(samples=len(feed), split="golden")
        singles = np.concatenate([run(feed[index : index + 1]) for index in range(len(feed))])
        found = parity.measure(singles, expected)
        row = row.with_parity(found, task)
        parity.check_measured(found, allowed)
        parity.check(run(feed), expected, allowed)
        probes = probe_inputs(inputs, original.record.input).astype(np.float32)
        answers = np.concatenate([run(probes[index : index + 1]) for index in range(len(probes))])
        reference = original.reference()
        if labelled is not None and reference is not None:
            outputs = np.concatenate(
                [
                    run(labelled.inputs[start : start + BATCH].astype(np.float32))
                    for start in range(0, len(labelled.inputs), BATCH)
                ]
            )
            row = row.with_parity(parity.measure(outputs, reference), task)._replace(
                samples=len(outputs),
                split="test",
                metric=metric(task, outputs, labelled.targets),
                metric_original=metric(task, reference, labelled.targets),
            )
            problem = _problem(row, target, allowed)
            if problem:
                return Verdict(row.with_verdict("failed", problem))
    except ParityError as error:
        return Verdict(row.with_verdict("failed", str(error)))
    return Verdict(row.with_verdict("ok"), singles, answers)


def _problem(row: MeasuredRow, target: Target, allowed: Tolerance) -> str:
    """Why the gate refuses a row measured on the test split; an empty string where it does not."""
    if row.max_abs_error is not None and row.max_abs_error > allowed.max_abs_error:
        return (
            f"largest error {row.max_abs_error:.3g} on the test split, allowed {allowed.max_abs_error:.3g} "
            f"({allowed.reason})"
        )
    least = target.tolerance.min_top1_agreement
    if row.top1_agreement is not None and row.top1_agreement < least:
        return f"agrees with the original on {row.top1_agreement:.2%}, needed {least:.2%}"
    lost = drop_of(row, [row])
    problem = "" if lost is None else drop_problem(row, lost)
    if not problem:
        return ""
    before, after = (metric_text(row.metric_name, score) for score in (row.metric_original, row.metric))
    return f"{row.metric_name} {after}, the original has {before}: {problem}"
