"""The gate can fail: outputs are spoilt in every way they can be wrong, and each time it says so."""

import shutil
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

import data
from data.original import read_original
from export.checks import interim
from export.checks.gate import Demand, judge
from export.golden import samples
from export.targets import TARGETS
from runtime.measure.row import MeasuredRow
from tests.conftest import ROOT

OUTPUT = "probabilities"


def verdict(run, original, target, labelled, demand=None):
    """The gate's verdict on what `run` answers."""
    blank = MeasuredRow(original.name, TARGETS[target].name, "an engine", "skipped", file="a file")
    return judge(run, blank, original, TARGETS[target], labelled, demand or Demand())


class Perfect:
    """Answers what the original answered, for golden and test inputs alike; to probes, which it never saw, zeros."""

    def __init__(self, original, labelled, outputs):
        inputs, expected = original.golden()
        self.unknown = np.zeros_like(expected[OUTPUT][0])
        self.known = {}
        for images, answers in ((inputs, expected[OUTPUT]), (labelled.inputs, outputs)):
            rows = images["image"].astype(np.float32)
            self.known |= {row.tobytes(): answer for row, answer in zip(rows, answers, strict=True)}

    def __call__(self, feeds):
        return {OUTPUT: np.stack([self.known.get(row.tobytes(), self.unknown) for row in feeds["image"]])}


def spoilt(run, how, when=lambda count: True):
    """`run`, its answers changed by `how` for batches of a size that `when` names."""

    def answer(feeds):
        answers = run(feeds)[OUTPUT]
        return {OUTPUT: how(answers) if when(len(answers)) else answers}

    return answer


@pytest.fixture
def digits(tmp_path):
    folder = shutil.copytree(ROOT / "artifacts" / "digits-cnn", tmp_path / "digits-cnn")
    original = read_original(folder)
    test = data.load("digits").test
    return original, Perfect(original, test, original.reference()[OUTPUT]), test


def with_reference(original, outputs):
    """The original with other outputs on its test data."""
    np.savez_compressed(original.folder / "reference.npz", **{f"outputs/{OUTPUT}": outputs})
    return original


@pytest.mark.parametrize("target", ["tflite-float32", "tflite-int8"])
def test_the_originals_own_answers_pass(digits, target):
    original, run, labelled = digits
    found = verdict(run, original, target, labelled)
    assert found.row.split == "test" and found.row.output is None
    assert found.row.max_abs_error == 0 and found.row.top1_agreement == 1 and found.row.sqnr_db is None
    value = original.record.metrics[OUTPUT].value
    assert found.row.metric == found.row.metric_original == pytest.approx(value, abs=1e-9)
    assert found.row.flips == 0 and found.row.samples == len(labelled)
    assert found.golden_outputs[OUTPUT].shape == found.probe_outputs[OUTPUT].shape == (32, 10)
    assert found.golden_errors == {OUTPUT: 0}
    with pytest.raises(FrozenInstanceError):
        found.row = None


def test_float32_is_ok_by_parity_alone_and_other_schemes_need_samples_to_be_proved(digits):
    """360 samples prove no more than about 1 point, however well they agree."""
    original, run, labelled = digits
    assert verdict(run, original, "tflite-float32", labelled).row.status == "ok"
    found = verdict(run, original, "tflite-int8", labelled).row
    assert found.status == "unproven" and found.passed
    assert (
        "within the budget of 0.3, but not proved; about" in found.reason and "would decide" in found.reason
    )
    assert verdict(run, original, "tflite-int8", labelled, Demand(budget=2.0)).row.status == "ok"


def test_what_is_not_proved_is_refused_where_the_user_is_strict(digits):
    original, run, labelled = digits
    found = verdict(run, original, "tflite-int8", labelled, Demand(strict=True))
    assert found.row.status == "failed" and "not proved" in found.row.reason
    assert found.golden_outputs == {}


SPOILT = {
    "shifted by a class": lambda out: np.roll(out, 1, axis=1),
    "NaN": lambda out: np.full_like(out, np.nan),
    "one NaN": lambda out: np.where(np.arange(out.size).reshape(out.shape) == 0, np.float32(np.nan), out),
    "infinite": lambda out: np.full_like(out, np.inf),
    "a class short": lambda out: out[:, :-1],
    "a row that broadcasts": lambda out: out[:, :1],
    "float64": lambda out: out.astype(np.float64),
    "always the same": lambda out: np.full_like(out, 0.1),
}
SPOILT_FLOAT32 = SPOILT | {"off by a little": lambda out: out + np.float32(1e-3)}


@pytest.mark.parametrize("how", SPOILT_FLOAT32)
@pytest.mark.parametrize("with_data", [True, False])
def test_spoilt_outputs_of_a_float32_file_fail(digits, how, with_data):
    original, run, labelled = digits
    found = verdict(
        spoilt(run, SPOILT_FLOAT32[how]), original, "tflite-float32", labelled if with_data else None
    )
    assert found.row.status == "failed" and found.row.reason
    assert found.golden_outputs == {} and found.probe_outputs == {}


@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("with_data", [True, False])
def test_spoilt_outputs_of_a_quantized_file_fail_with_labels_and_without(digits, how, with_data):
    original, run, labelled = digits
    found = verdict(spoilt(run, SPOILT[how]), original, "tflite-int8", labelled if with_data else None)
    assert found.row.status == "failed" and found.row.reason
    assert found.golden_outputs == {}


def test_a_quantized_file_without_labels_passes_the_floor(digits):
    original, run, _ = digits
    found = verdict(spoilt(run, lambda out: out + np.float32(0.05)), original, "tflite-int8", None)
    assert found.row.status == "ok" and found.row.split == "golden"
    assert found.golden_errors[OUTPUT] == pytest.approx(0.05, rel=1e-5)


@pytest.mark.parametrize("target", ["tflite-float32", "tflite-int8"])
def test_outputs_spoilt_on_the_test_data_alone_fail(digits, target):
    original, run, labelled = digits
    shifted = spoilt(run, SPOILT["shifted by a class"], when=lambda count: count > 32)
    found = verdict(shifted, original, target, labelled)
    assert found.row.status == "failed" and found.row.samples == len(labelled)
    assert ("on the test data" if target == "tflite-float32" else "it loses") in found.row.reason


def test_what_was_measured_before_a_failure_is_kept(digits):
    original, run, labelled = digits
    found = verdict(spoilt(run, SPOILT_FLOAT32["off by a little"]), original, "tflite-float32", labelled)
    assert "the largest error is 0.001, above the tolerance of 1e-05" in found.row.reason
    assert found.row.max_abs_error == pytest.approx(1e-3, rel=1e-3) and found.row.split == "golden"
    assert found.row.metric is None


@pytest.mark.parametrize("with_data", [True, False])
def test_an_error_that_rounding_explains_is_none_of_a_float32_file(digits, with_data):
    original, run, labelled = digits
    labelled = labelled if with_data else None

    def status(error, rounding):
        off = spoilt(run, lambda out: out + np.float32(error))
        blank = MeasuredRow(original.name, "onnx-float32", "an engine", "skipped", file="a file")
        target = TARGETS["onnx-float32"]
        found = judge(off, blank, original, target, labelled, Demand(), sensitivity={OUTPUT: rounding})
        return found.row.status

    assert status(4e-4, 0) == status(4e-4, 1.9e-5) == "failed"
    assert status(4e-4, 5e-4) == "ok"
    assert status(6e-4, 5e-4) == "failed"
    assert status(2e-3, 1.0) == "failed"  # a net that answers at random proves nothing


def test_a_metric_beyond_the_budget_fails_even_if_every_error_is_small(digits):
    """Ties broken the wrong way: errors of a hair, and 2 % of the samples, which were right, are wrong."""
    original, _, labelled = digits
    reference = original.reference()[OUTPUT]
    flat = np.full_like(reference, 0.1)
    flat[np.arange(len(flat)), labelled.targets[OUTPUT]] += 1e-6
    wrong = flat.copy()
    count = len(wrong) // 50
    wrong[np.arange(count), (flat[:count].argmax(axis=1) + 1) % 10] += 2e-6
    weak = with_reference(original, flat)
    found = verdict(Perfect(weak, labelled, wrong), weak, "tflite-int8", labelled)
    assert found.row.status == "failed" and found.row.flips == count
    assert "it loses 1.9" in found.row.reason and "95 % interval" in found.row.reason
    assert "--max-drop" in found.row.reason
    assert found.row.metric_drop_low < count / len(wrong) < found.row.metric_drop_high
    allowed = verdict(Perfect(weak, labelled, wrong), weak, "tflite-int8", labelled, Demand(budget=5.0))
    assert allowed.row.status == "ok" and allowed.row.budget == 5.0


def test_a_slow_variant_is_asked_about_as_many_samples_as_the_verdict_needs(digits, monkeypatch):
    original, run, labelled = digits
    monkeypatch.setattr(
        interim, "looks", lambda samples, seconds: [100, 200, samples] if seconds else [samples]
    )
    good = verdict(run, original, "tflite-int8", labelled, Demand(budget=2.5)).row
    assert (good.status, good.samples) == ("ok", 200)
    bad = verdict(
        spoilt(run, SPOILT["shifted by a class"], lambda count: count > 32), original, "tflite-int8", labelled
    ).row
    assert (bad.status, bad.samples) == ("failed", 100)
    assert verdict(run, original, "tflite-int8", labelled).row.samples == len(labelled)


def test_a_slow_float32_variant_is_held_to_parity_on_fewer_samples(digits, monkeypatch):
    original, run, labelled = digits
    assert verdict(run, original, "tflite-float32", labelled).row.samples == len(labelled)
    monkeypatch.setattr(interim, "for_parity", lambda samples, seconds: [100] if seconds else [samples])
    row = verdict(run, original, "tflite-float32", labelled).row
    assert (row.status, row.samples, row.split) == ("ok", 100, "test")
    wrong = verdict(
        spoilt(run, SPOILT["shifted by a class"], lambda count: count > 32),
        original,
        "tflite-float32",
        labelled,
    )
    assert wrong.row.status == "failed" and "on the test data" in wrong.row.reason


def test_answers_to_some_golden_samples_are_kept_and_those_to_all_are_judged(digits):
    original, run, _ = digits
    blank = MeasuredRow(original.name, "tflite-float32", "an engine", "skipped", file="a file")
    kept, expected = samples(original, 31)

    def found():
        return judge(run, blank, original, TARGETS["tflite-float32"], None, Demand(), golden_rows=31)

    assert np.array_equal(found().golden_outputs[OUTPUT], expected[OUTPUT])
    assert found().probe_outputs[OUTPUT].shape == (31, 10)
    every = {row.astype(np.float32).tobytes() for row in original.golden()[0]["image"]}
    (left_out,) = every - {row.astype(np.float32).tobytes() for row in kept["image"]}
    run.known[left_out] = np.roll(run.known[left_out], 1)
    assert found().row.status == "failed"
