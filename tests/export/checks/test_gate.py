"""The checks can fail: outputs are spoilt in every way they can be wrong, and each time the gate says so."""

import shutil
from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import numpy as np
import pytest

from data.original import read_original
from export.checks.gate import judge, spread, tolerance
from export.targets import TARGETS
from runtime.measure.row import MeasuredRow
from tests.conftest import ROOT


def verdict(run, original, target, labelled):
    """The gate's verdict on what `run` answers."""
    blank = MeasuredRow(
        original.name,
        target.name,
        "an engine",
        "skipped",
        metric_name=original.record.metric_name,
        file="a file",
    )
    return judge(run, blank, original, target, labelled)


class Perfect:
    """Answers what the original answered, for golden and test inputs alike; to probes, which it never saw, zeros."""

    def __init__(self, original, inputs, outputs):
        golden = original.golden()
        self.unknown = np.zeros_like(golden[1][0])
        self.known = {row.astype(np.float32).tobytes(): out for row, out in zip(*golden, strict=True)}
        self.known |= {
            row.astype(np.float32).tobytes(): out for row, out in zip(inputs, outputs, strict=True)
        }

    def __call__(self, rows):
        return np.stack([self.known.get(row.tobytes(), self.unknown) for row in rows])


@pytest.fixture
def digits(tmp_path):
    import data

    folder = shutil.copytree(ROOT / "artifacts" / "digits-cnn", tmp_path / "digits-cnn")
    original = read_original(folder)
    test = data.load("digits").test
    reference = original.reference()
    return (
        original,
        Perfect(original, test.inputs, reference),
        test,
    )


def test_the_originals_own_answers_pass(digits):
    original, run, labelled = digits
    found = verdict(run, original, TARGETS["tflite-float32"], labelled)
    assert (found.row.status, found.row.reason, found.row.split) == ("ok", None, "test")
    assert found.row.max_abs_error == 0 and found.row.top1_agreement == 1 and found.row.sqnr_db is None
    assert (
        found.row.metric == found.row.metric_original == pytest.approx(original.record.metric_value, abs=1e-9)
    )
    assert found.golden_outputs.shape == found.probe_outputs.shape == (32, 10)
    with pytest.raises(FrozenInstanceError):
        found.row = None


SPOILT = {
    "shifted by a class": lambda out: np.roll(out, 1, axis=1),
    "NaN": lambda out: np.full_like(out, np.nan),
    "one NaN": lambda out: np.where(np.arange(out.size).reshape(out.shape) == 0, np.float32(np.nan), out),
    "infinite": lambda out: np.full_like(out, np.inf),
    "off by a little": lambda out: out + np.float32(1e-3),
    "a class short": lambda out: out[:, :-1],
    "a row that broadcasts": lambda out: out[:, :1],
    "float64": lambda out: out.astype(np.float64),
    "rounded to zero": lambda out: np.zeros_like(out),
}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("with_data", [True, False])
def test_spoilt_outputs_fail(digits, how, with_data):
    original, run, labelled = digits
    found = verdict(
        lambda rows: SPOILT[how](run(rows)),
        original,
        TARGETS["tflite-float32"],
        labelled if with_data else None,
    )
    assert found.row.status == "failed" and found.row.reason
    assert found.golden_outputs is None and found.probe_outputs is None


def test_outputs_spoilt_on_the_test_split_alone_fail(digits):
    original, run, labelled = digits
    found = verdict(
        lambda rows: SPOILT["shifted by a class"](run(rows)) if len(rows) > 32 else run(rows),
        original,
        TARGETS["tflite-int8"],
        labelled,
    )
    assert found.row.status == "failed" and "on the test split" in found.row.reason
    assert found.row.max_abs_error > 0.25 and found.row.samples == len(labelled.inputs)


def test_what_was_measured_before_a_failure_is_kept(digits):
    original, run, labelled = digits
    found = verdict(
        lambda rows: SPOILT["off by a little"](run(rows)), original, TARGETS["tflite-float32"], labelled
    )
    assert "the largest error is 0.001, above the tolerance of 1e-05" in found.row.reason
    assert found.row.max_abs_error == pytest.approx(1e-3, rel=1e-3) and found.row.split == "golden"
    assert found.row.metric is None


def test_a_metric_below_the_gate_fails_even_if_every_error_is_small(digits):
    """Ties broken the wrong way: errors of a hair, and the answers of 2 % of the samples are others."""
    original, _, labelled = digits
    reference = original.reference()
    flat = np.full_like(reference, 0.1)
    flat[np.arange(len(flat)), reference.argmax(axis=1)] += 1e-6
    close = shutil.copytree(original.folder, original.folder.with_name("close"))
    np.savez_compressed(close / "reference.npz", outputs=flat)
    wrong = flat.copy()
    count = len(wrong) // 50
    wrong[np.arange(count), (flat[:count].argmax(axis=1) + 1) % 10] += 2e-6
    weak = type(original)(close, original.record)
    spoilt = Perfect(original, labelled.inputs, wrong)
    found = verdict(spoilt, weak, TARGETS["tflite-float32"], labelled)
    assert found.row.status == "failed" and "agrees with the original on" in found.row.reason
    assert found.row.max_abs_error < 1e-5


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [([-2.0, 3.0], 5.0), ([0.5, 0.5016], 0.05016), ([-800.0, -800.0], 80.0), ([0.0, 0.0], 1e-6)],
)
def test_a_regressors_tolerance_is_relative_to_the_range_of_its_outputs_and_at_least_to_their_size(
    outputs, expected
):
    values = np.array(outputs, np.float32)[:, np.newaxis]
    original = SimpleNamespace(record=SimpleNamespace(task="regression"), reference=lambda: values)
    assert spread(original) == pytest.approx(expected, rel=1e-6)
    allowed = tolerance(original, TARGETS["tflite-float32"]).max_abs_error
    # One step of float32 at this size is no disagreement.
    assert allowed > np.spacing(np.abs(values).max())
