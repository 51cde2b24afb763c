"""Verification: what a built file answers on the engine it will run on, against the original's answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from data import Split
from data.original import Original
from export.targets import MAX_ACCURACY_DROP, MAX_RMSE_RISE, Target
from runtime.bundle.manifest import Tolerance
from runtime.errors import ParityError
from runtime.measure.metric import metric
from runtime.selftest import parity
from runtime.selftest.probes import probe_inputs

BATCH = 500
Run = Callable[[np.ndarray], np.ndarray]


def spread(original: Original) -> float:
    """What a tolerance is a fraction of: 1 for probabilities, the range of the original's outputs for a regressor."""
    if original.record.task == "classification":
        return 1.0
    reference = original.reference()
    return max(float(np.ptp(original.golden()[1] if reference is None else reference)), 1e-6)


def tolerance(original: Original, target: Target) -> Tolerance:
    """The tolerance of a target in the units of one original's output."""
    return Tolerance(target.tolerance.max_abs_error * spread(original), target.tolerance.reason)


def verify(run: Run, original: Original, target: Target, labelled: Split | None) -> dict[str, Any]:
    """Measure one variant on one engine; the result is part of a row of the report.

    `run` takes float32 [n, …] and gives float32 [n, k].  The golden samples go through it one by one and as one
    batch; then the whole test split where it is there.

    Raises:
        ParityError: the outputs differ from the original's by more than the target's tolerance, or the metric is
            worse by more than the gate allows.  The error's `measured` holds the numbers all the same.
    """
    allowed = tolerance(original, target)
    inputs, expected = original.golden()
    feed = inputs.astype(np.float32)
    singles = np.concatenate([run(feed[index : index + 1]) for index in range(len(feed))])
    parity.check(singles, expected, allowed)
    parity.check(run(feed), expected, allowed)
    # What the self-test on a device will compare with: the golden samples, then the probes made of them.
    probes = probe_inputs(inputs, original.record.input).astype(np.float32)
    answers = [run(probes[index : index + 1]) for index in range(len(probes))]
    measured: dict[str, Any] = {"golden_outputs": singles, "probe_outputs": np.concatenate(answers)}
    reference = original.reference()
    if labelled is None or reference is None:
        found = parity.measure(singles, expected)
        measured |= _agreement(found, original) | {"samples": len(feed), "split": "golden", "metric": None}
        return measured
    outputs = np.concatenate(
        [
            run(labelled.inputs[start : start + BATCH].astype(np.float32))
            for start in range(0, len(labelled.inputs), BATCH)
        ]
    )
    task = original.record.task
    found = parity.measure(outputs, reference)
    measured |= _agreement(found, original) | {
        "samples": len(outputs),
        "split": "test",
        "metric": metric(task, outputs, labelled.targets),
    }
    problem = _problem(measured, original, target, allowed, metric(task, reference, labelled.targets))
    if problem:
        error = ParityError(problem)
        error.measured = measured  # type: ignore[attr-defined]
        raise error
    return measured


def _agreement(found: parity.Agreement, original: Original) -> dict[str, Any]:
    classifier = original.record.task == "classification"
    return {
        "max_abs_error": found.max_abs_error,
        "mean_abs_error": found.mean_abs_error,
        "sqnr_db": found.sqnr_db if np.isfinite(found.sqnr_db) else None,
        "top1_agreement": found.top1_agreement if classifier else None,
    }


def _problem(
    measured: dict[str, Any], original: Original, target: Target, allowed: Tolerance, before: float
) -> str | None:
    """Why the gate refuses a variant, or None; `before` is the original's own metric on the same samples."""
    if measured["max_abs_error"] > allowed.max_abs_error:
        return (
            f"largest error {measured['max_abs_error']:.3g} on the test split, allowed {allowed.max_abs_error:.3g} "
            f"({allowed.reason})"
        )
    agreement = measured["top1_agreement"]
    if agreement is not None and agreement < target.tolerance.min_top1_agreement:
        return (
            f"agrees with the original on {agreement:.2%}, needed {target.tolerance.min_top1_agreement:.2%}"
        )
    if original.record.metric_name == "accuracy" and before - measured["metric"] > MAX_ACCURACY_DROP:
        return f"accuracy {measured['metric']:.2%}, the original has {before:.2%}; allowed drop {MAX_ACCURACY_DROP:.1%}"
    if original.record.metric_name == "rmse" and measured["metric"] > before * (1 + MAX_RMSE_RISE):
        return (
            f"RMSE {measured['metric']:.4g}, the original has {before:.4g}; allowed rise {MAX_RMSE_RISE:.0%}"
        )
    return None
