"""`export.export`: the command from Python, with a model and data in memory."""

import json

import keras
import numpy as np
import pytest

import export
from tests.conftest import with_shared_workers


@pytest.mark.conversion
def test_a_model_and_data_in_memory(tmp_path, monkeypatch):
    with_shared_workers(monkeypatch, "export.api")
    keras.utils.set_random_seed(1)
    x = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(8, "relu")(x)
    model = keras.Model(x, keras.layers.Dense(3, "softmax", name="kind")(hidden), name="iris")
    rows = np.random.default_rng(0).normal(size=(200, 4))
    kinds = model.predict(rows, verbose=0).argmax(axis=1)
    targets = ["tflite-float32", "tflite-int8", "onnx-float32"]
    report = export.export(
        model, calibration=rows, test=(rows, kinds), labels=["a", "b", "c"], max_drop=100, targets=targets,
        out=tmp_path,
    )  # fmt: skip
    assert {row.variant for row in report.rows} == set(targets)
    assert {row.metric_name for row in report.rows} == {"accuracy"}
    assert report.failed == ()
    assert report.bundle == tmp_path / "iris" / "bundle"
    assert report.choice.startswith("Ship ")
    assert report.notes == (
        "task of kind: classification, because it ends in a softmax over 3 classes; --task overrides",
    )
    assert json.loads((tmp_path / "report.json").read_text())["rows"]
    assert (report.bundle / "manifest.json").is_file()
