"""A variant beside the original on the test data: parity, metric, and the interval of what the metric loses.

A slow variant is asked about some of the samples only.  Its metric on all of them is then estimated from that of the
original, which is known, and from what is lost on those that were asked: by the difference of fractions, or the ratio
of errors (Cochran, "Sampling Techniques", third edition, 1977, sections 6.2 and 7.2).  So rows of different samples
compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from data.dataset import Arrays, Split
from data.original import Original
from data.trained_model import MetricRecord
from export.checks import flips, interim, user_metric
from export.checks.answers import Run, in_chunks, joined, rows
from export.checks.metrics import metric
from export.checks.spread import PROBABILITIES
from export.checks.statistics import compare, compare_scores
from export.checks.user_metric import UserMetric, users_targets
from runtime.bundle.manifest import OutputRecord
from runtime.choose.limits import budget, drop_interval
from runtime.measure.metric import checked_targets, decided, known_metric, metric_name
from runtime.measure.row import MeasuredRow
from runtime.selftest import parity


class Compared(NamedTuple):
    """By output what was measured; and some of the samples that are decided otherwise than by the original."""

    rows: dict[str, MeasuredRow]
    flips: tuple[flips.Flip, ...]


def compared(
    run: Run,
    found: Mapping[str, MeasuredRow],
    original: Original,
    test_data: Split,
    reference: Arrays,
    samples: np.ndarray,
    looks: list[int],
) -> Compared:
    """The rows of all outputs with what was measured on the test data, up to the look at which it was enough.

    `samples` are the indices of those that may be asked, int64 [n]; `looks` says how many of them were at each look.
    """
    order = samples if looks == [len(samples)] else samples[interim.order(len(samples))]
    answers: list[Arrays] = []
    measured = dict(found)
    for start, end in zip([0, *looks], looks, strict=False):
        answers.append(in_chunks(run, original, rows(test_data.inputs, order[start:end])))
        outputs, asked = joined(answers), order[:end]
        for record in original.record.outputs:
            name = record.name
            targets = test_data.targets.get(name)
            score = original.record.metrics.get(name)
            row = _measured(
                found[name],
                record,
                outputs[name],
                reference[name][asked],
                None if targets is None else targets[asked],
                interim.confidence(len(looks)),
                score,
            )
            fewer = len(asked) < len(test_data) and not isinstance(score, UserMetric)
            if fewer and targets is not None and row.metric is not None:
                row = _of_all(row, record, reference[name], targets)
            measured[name] = row
        if all(_certain(row) for row in measured.values()):
            break
    changed = [
        flip
        for record in original.record.outputs
        if record.name in test_data.targets
        for flip in flips.changed(
            record,
            outputs[record.name],
            reference[record.name][asked],
            test_data.targets[record.name][asked],
            asked,
        )
    ]
    return Compared(measured, flips.with_pictures(changed, original.record.inputs, test_data.inputs))


def _certain(row: MeasuredRow) -> bool:
    """Whether more samples would hardly change the verdict: the interval lies within the budget or beyond it."""
    if row.metric_drop_low is None or row.metric_drop_high is None:
        return row.metric is None
    low, high = drop_interval(row)
    return high <= budget(row) or low > budget(row)


def _measured(
    row: MeasuredRow,
    record: OutputRecord,
    outputs: np.ndarray,
    reference: np.ndarray,
    targets: np.ndarray | None,
    confidence: float,
    score: MetricRecord | None,
) -> MeasuredRow:
    """The row with the parity on test samples and, where the output has targets, its metric and what that lost."""
    found = parity.measure(outputs, reference, record.task)
    row = row.with_parity(found)._replace(
        samples=len(outputs),
        split="test",
        flips=None if targets is None else _flips(record, outputs, reference),
    )
    name = metric_name(record.task)
    if targets is None:
        return row
    if isinstance(score, UserMetric):
        return _of_the_user(row, score, users_targets(record, targets, len(outputs)), outputs, reference)
    if name is None:
        return row
    targets = checked_targets(record, targets, len(outputs))
    parts = known_metric(name).parts
    lost = compare(name, parts(outputs, targets), parts(reference, targets), confidence)
    return row._replace(
        metric_name=name,
        metric=metric(record, outputs, targets),
        metric_original=metric(record, reference, targets),
        metric_drop_low=lost.low,
        metric_drop_high=lost.high,
    )


def _of_all(
    row: MeasuredRow, record: OutputRecord, reference: np.ndarray, targets: np.ndarray
) -> MeasuredRow:
    """The row of a known metric with the scores on all samples: the original's, and what follows for the variant."""
    whole = metric(record, reference, targets)
    asked = (row.metric_original, row.metric, row.metric_drop_low, row.metric_drop_high)
    assert all(score is not None for score in asked)
    before, after, low, high = (float(score or 0.0) for score in asked)
    if known_metric(row.metric_name).drop_unit == "points":
        return row._replace(metric_original=whole, metric=min(max(whole + after - before, 0.0), 1.0))
    factor = whole / before if before else 1.0
    return row._replace(
        metric_original=whole,
        metric=after * factor,
        metric_drop_low=low * factor,
        metric_drop_high=high * factor,
    )


def _of_the_user(
    row: MeasuredRow, score: UserMetric, targets: np.ndarray, outputs: np.ndarray, reference: np.ndarray
) -> MeasuredRow:
    after, before, lost = compare_scores(
        partial(user_metric.score, score.asked), score.better, targets, outputs, reference, score.resamples
    )
    return row._replace(
        metric_name=score.name,
        metric_better=score.better,
        metric=after,
        metric_original=before,
        metric_drop_low=lost.low,
        metric_drop_high=lost.high,
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
