"""Which variants may be considered: by size, and by what the bundle's report says they lose."""

import json

import pytest

from runtime.bundle.reader import open_bundle
from runtime.choose.limits import accuracy_drops, drop_text, refusal
from runtime.errors import BundleError
from tests.bundles import replace_file

ROW = {
    "variant": "tflite-int8", "engine": "litert", "status": "ok",
    "metric_name": "accuracy", "metric": 0.985, "metric_original": 0.99,
}  # fmt: skip


def with_report(bundle, *rows):
    replace_file(bundle, "report.json", json.dumps({"rows": rows}).encode())
    return open_bundle(bundle)


def test_without_a_report_nothing_is_known(image_bundle):
    assert accuracy_drops(open_bundle(image_bundle)) == {}


def test_a_drop_is_in_points_of_accuracy_or_percent_of_rmse(spoilt):
    rmse = ROW | {"engine": "x", "metric_name": "rmse", "metric": 0.51, "metric_original": 0.5}
    better = ROW | {"engine": "y", "metric": 0.995}
    skipped = [ROW | {"engine": "z", "metric": None}, ROW | {"engine": "w", "status": "failed"}]
    drops = accuracy_drops(with_report(spoilt, ROW, rmse, better, *skipped))
    assert drops == {
        ("tflite-int8", "litert"): pytest.approx(0.5),
        ("tflite-int8", "x"): pytest.approx(2),
        ("tflite-int8", "y"): pytest.approx(-0.5),
    }


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (ROW | {"metric_name": "f1"}, "a report with the metric 'f1'"),
        (ROW | {"metric_name": "rmse", "metric_original": 0}, "a report with the metric 'rmse' of 0"),
        (ROW | {"metric": "high"}, r"report\.json: row 0: 'metric' must be a number"),
        ({"variant": "a"}, "row 0: the key 'metric' is missing"),
        (3, "row 0: must be an object"),
    ],
)
def test_a_report_that_is_none_is_refused(spoilt, row, words):
    with pytest.raises(BundleError, match=words):
        accuracy_drops(with_report(spoilt, row))


@pytest.mark.parametrize(
    ("drop", "max_drop", "max_size", "words"),
    [
        (None, None, None, ""),
        (0.5, None, None, ""),
        (0.51, None, None, "it loses 0.51 points, more than the 0.5 allowed"),
        (0.51, 1, None, ""),
        (0.01, 0, None, "it loses 0.01 points, more than the 0 allowed"),
        (-0.3, 0, None, ""),
        (None, 5, None, "what it loses was not measured at export, and --max-drop is given"),
        (None, None, 6112, ""),
        (None, None, 6111, "its file has 6112 bytes, more than --max-size"),
    ],
)
def test_why_a_variant_is_not_considered(image_bundle, drop, max_drop, max_size, words):
    manifest = open_bundle(image_bundle).manifest
    assert manifest.files["tflite-int8.tflite"].size_bytes == 6112
    assert refusal(manifest, manifest.variants["tflite-int8"], drop, max_drop, max_size) == words


def test_a_drop_in_words():
    assert drop_text("accuracy", 0.123) == "0.12 points"
    assert drop_text("rmse", 2) == "2.00 %"
    assert drop_text("rmse", None) == "not measured"
