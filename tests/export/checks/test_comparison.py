"""A variant that was asked about some of the samples: its metric is estimated for all of them."""

import numpy as np
import pytest

import data
from data.original import read_original
from export.checks import interim
from export.checks.comparison import compared
from runtime.choose.limits import drop_interval, dropped
from runtime.measure.metric import METRICS
from runtime.measure.row import MeasuredRow
from tests.conftest import ROOT


def measured(name, change, looks):
    """The row of the only output, what was asked, the original's answers and the targets, of a committed model."""
    original = read_original(ROOT / "artifacts" / name)
    test = data.load_test(original.record.dataset.name)
    (record,) = original.record.outputs
    reference = original.reference()
    answers = dict(
        zip(map(bytes, next(iter(test.inputs.values()))), change(reference[record.name]), strict=True)
    )

    def run(feeds):
        (rows,) = feeds.values()
        dtype = next(iter(test.inputs.values())).dtype
        return {record.name: np.stack([answers[bytes(row.astype(dtype))] for row in rows])}

    blank = MeasuredRow(name, "tflite-int8", "an engine", "skipped", file="a file")
    every = np.arange(len(test))
    found = compared(run, {record.name: blank}, original, test, reference, every, looks)
    asked = interim.order(len(test))[: looks[-1]]
    return found.rows[record.name], asked, reference[record.name], test.targets[record.name]


def score(name, outputs, targets):
    metric = METRICS[name]
    return float(metric.score(metric.parts(outputs, targets).mean(axis=0)))


def test_a_fraction_is_estimated_by_the_difference():
    wrong = np.arange(0, 360, 7)

    def change(outputs):
        changed = outputs.copy()
        changed[wrong] = np.roll(changed[wrong], 1, axis=1)
        return changed

    row, asked, reference, targets = measured("digits-cnn", change, [100])
    before, after = (
        score("accuracy", outputs[asked], targets[asked]) for outputs in (reference, change(reference))
    )
    whole = score("accuracy", reference, targets)
    assert row.samples == 100 and whole != before
    assert row.metric_original == whole and row.metric == pytest.approx(whole + after - before)
    assert dropped(row) == pytest.approx(100 * (before - after))
    assert row.metric != pytest.approx(after)


def test_an_estimated_fraction_is_no_more_than_all():
    """All that the original gets wrong is among the samples that were asked, and the variant gets it right."""
    test = data.load_test("digits")
    targets = test.targets["probabilities"]
    reference = read_original(ROOT / "artifacts" / "digits-cnn").reference()["probabilities"]
    wrong = np.flatnonzero(
        reference.argmax(axis=1)[interim.order(len(test))] != targets[interim.order(len(test))]
    )
    asked = int(wrong[-1]) + 1
    assert len(wrong) > 0 and asked < len(test)
    row, *_ = measured("digits-cnn", lambda _: np.eye(10, dtype=np.float32)[targets], [asked])
    assert row.metric_original == 1 - len(wrong) / len(test) and row.metric == 1.0


def test_an_error_is_estimated_by_the_ratio_and_its_interval_with_it():
    row, asked, reference, targets = measured("diabetes-mlp", lambda outputs: outputs * 1.1, [40])
    before, after = (
        score("rmse", outputs[asked], targets[asked]) for outputs in (reference, reference * 1.1)
    )
    whole = score("rmse", reference, targets)
    assert row.metric_original == whole != before
    assert row.metric == pytest.approx(whole * after / before, rel=1e-5)
    low, high = drop_interval(row)
    assert low < dropped(row) < high and dropped(row) == pytest.approx(100 * (after / before - 1), rel=1e-4)
    assert (row.metric_drop_high - row.metric_drop_low) / whole == pytest.approx((high - low) / 100)
