"""`export.export`: the command from Python, with a model and data in memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import export
from export import api
from runtime.errors import UsageError
from tests.conftest import ROOT

pytestmark = pytest.mark.conversion
# A process of its own: the model in memory is TensorFlow's.
SCRIPT = """
import json, sys
import keras
import numpy as np
import export

if __name__ == "__main__":
    keras.utils.set_random_seed(1)
    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.layers.Dense(3, "softmax", name="kind")(keras.layers.Dense(8, "relu")(x)), name="iris")
    rows = np.random.default_rng(0).normal(size=(200, 4))
    kinds = model.predict(rows, verbose=0).argmax(axis=1)
    report = export.export(
        model, calibration=rows, test=(rows, kinds), labels=["a", "b", "c"], max_drop=100,
        targets=["tflite-float32", "tflite-int8", "onnx-float32"], out=sys.argv[1], jobs=1,
    )
    print(json.dumps({
        "rows": [[row.variant, row.status, row.metric_name] for row in report.rows], "failed": len(report.failed),
        "bundle": str(report.bundle), "choice": report.choice, "notes": report.notes,
    }))
"""


def test_a_model_and_data_in_memory(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "out")],
        capture_output=True, text=True, cwd=tmp_path, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.strip().splitlines()[-1])
    assert {variant for variant, _, _ in said["rows"]} == {"tflite-float32", "tflite-int8", "onnx-float32"}
    assert {metric for _, _, metric in said["rows"]} == {"accuracy"}
    assert said["failed"] == 0
    assert said["bundle"] == str(tmp_path / "out" / "iris" / "bundle")
    assert said["choice"].startswith("Ship ")
    assert said["notes"] == [
        "task of kind: classification, because it ends in a softmax over 3 classes; --task overrides"
    ]
    assert json.loads((tmp_path / "out" / "report.json").read_text())["rows"]
    assert (Path(said["bundle"]) / "manifest.json").is_file()


def test_the_public_names_are_there_and_no_others():
    assert (export.export, export.Report) == (api.export, api.Report)
    with pytest.raises(AttributeError, match="module 'export' has no attribute 'expert'"):
        export.expert  # noqa: B018


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (
            3,
            {},
            "a int is no model; give a Keras model, or the path of a .keras or .h5 file or of a SavedModel folder",
        ),
        ("nowhere.keras", {}, "nowhere.keras does not exist; give the path of a .keras or .h5 file"),
        ("README.md", {"jobs": 0}, "jobs is 0; give at least 1"),
        ("README.md", {"targets": ["tflite-int4"]}, "unknown target tflite-int4; known: saved_model"),
        ("README.md", {"test": ([1], [2], [3])}, "test is a tuple of 3; give a pair of inputs and targets"),
        (
            "README.md",
            {"test": ("x.npz", [1])},
            "test is a pair of a path and targets; give arrays, or a path alone",
        ),
        ("README.md", {"task": "guess"}, "--task guess: it is unknown; known: classification"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, monkeypatch, model, options, words):
    monkeypatch.chdir(ROOT)
    with pytest.raises(UsageError) as caught:
        export.export(model, out=tmp_path, **options)
    assert str(caught.value).startswith(words)
    assert list(tmp_path.iterdir()) == []


def test_data_become_arrays_by_name():
    rows, kinds = np.ones((2, 3)), [0, 1]
    assert api._inputs(None) is None
    assert api._inputs("d.csv") == Path("d.csv")
    assert list(api._inputs([[1, 2]])) == ["inputs"]
    assert list(api._inputs({"x": rows})) == ["x"]
    assert list(api._labelled((rows, kinds))) == ["inputs", "targets"]
    assert list(api._labelled(({"x": rows}, {"kind": kinds}))) == ["x", "targets_kind"]
