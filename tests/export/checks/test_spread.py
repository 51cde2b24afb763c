"""What tolerances are fractions of."""

import numpy as np
import pytest

from export.checks import drift
from export.checks.spread import parity_tolerances, spread, tolerances
from export.targets import TARGETS
from runtime.bundle.manifest import OutputRecord

VALUE = OutputRecord("value", (1,), "regression")


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [([-2.0, 3.0], 5.0), ([0.5, 0.5016], 0.05016), ([-800.0, -800.0], 80.0), ([0.0, 0.0], 1e-6)],
)
def test_the_spread_of_values_is_their_range_and_at_least_a_tenth_of_their_size(outputs, expected):
    values = np.array(outputs, np.float32)[:, np.newaxis]
    assert spread(VALUE, values) == pytest.approx(expected, rel=1e-6)
    # One step of float32 at this size is no disagreement.
    assert TARGETS["tflite-float32"].tolerance.max_abs_error * spread(VALUE, values) > np.spacing(
        np.abs(values).max()
    )


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "bool"])
def test_the_spread_of_whole_numbers(dtype):
    record = OutputRecord("place", (1,), "tensor", dtype)
    most = 1 if dtype == "bool" else 200
    assert spread(record, np.array([[0], [most]], dtype)) == most


def test_the_spread_of_probabilities_is_1_and_that_of_logits_their_range():
    record = OutputRecord("classes", (2,), "classification", labels=("a", "b"))
    assert spread(record, np.array([[0.4, 0.6]], np.float32)) == 1
    assert spread(record, np.array([[-4.0, 6.0]], np.float32)) == 10


def test_a_device_allows_a_quantized_file_twice_what_it_was_off_at_export_and_float32_no_more_than_the_gate():
    wide = {"value": 10.0}
    assert tolerances(TARGETS["tflite-float32"], wide, {"value": 1.0})[
        "value"
    ].max_abs_error == pytest.approx(1e-4)
    assert tolerances(TARGETS["tflite-int8"], wide, {"value": 0.1})["value"].max_abs_error == pytest.approx(
        2.5
    )
    found = tolerances(TARGETS["tflite-int8"], wide, {"value": 2.0})["value"]
    assert found.max_abs_error == pytest.approx(4.0) and found.reason.startswith("twice what it was off")


def test_float32_is_allowed_what_rounding_does_to_the_original_and_no_more_than_a_thousandth_of_the_spread():
    wide, float32 = {"value": 10.0}, TARGETS["onnx-float32"]
    usual = parity_tolerances(float32, wide, {})
    for sensitivity, allowed in ((0.0, 1e-4), (1.9e-4, 1e-4), (2.1e-4, 2.1e-4), (1.0, 1e-2)):
        found = parity_tolerances(float32, wide, {"value": sensitivity})["value"]
        assert found.max_abs_error == pytest.approx(allowed)
        assert (found == usual["value"]) == (sensitivity < 2e-4)
        assert tolerances(float32, wide, {"value": 0.0}, {"value": sensitivity})["value"] == found
    assert found.reason.startswith("one unit in the last place of the inputs moves")
    assert parity_tolerances(TARGETS["onnx-int8"], wide, {"value": 1.0}) == parity_tolerances(
        TARGETS["onnx-int8"], wide, {}
    )


def test_the_drift_that_a_device_allows_is_at_least_what_rounding_does():
    for target in TARGETS.values():
        usual = drift.limits(target, 10.0)
        assert drift.limits(target, 10.0, rounding=1e-4) == usual  # a well-conditioned net
        found = drift.limits(target, 10.0, rounding=1.0)
        assert (found.usual_abs_error, found.max_abs_error) == (1.0, 2.0)
