"""A user's own model, given by its path."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.conftest import ROOT, run_export

MAKE = """
import sys
from pathlib import Path
import keras
from keras import layers

pytestmark = pytest.mark.conversion

folder = Path(sys.argv[1])
keras.utils.set_random_seed(1)
stacks = {
    "images": [keras.Input((12, 12)), layers.Flatten(), layers.Dense(16, "relu"), layers.Dense(3, "softmax")],
    "table": [keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(1)],
    "lambda": [keras.Input((4,)), layers.Lambda(lambda x: x * 2), layers.Dense(1)],
    "sequence": [keras.Input((5, 7, 9)), layers.Flatten(), layers.Dense(1)],
}
models = {name: keras.Sequential(stack) for name, stack in stacks.items()}
inputs = keras.Input((4,))
models["erfinv"] = keras.Model(inputs, layers.Dense(1)(keras.ops.erfinv(layers.Dense(4, "tanh")(inputs) * 0.5)))
pair = [keras.Input((2,)), keras.Input((2,))]
models["two"] = keras.Model(pair, layers.Dense(1)(layers.Concatenate()(pair)))
for name, model in models.items():
    model.save(folder / f"{name}.keras")
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    subprocess.run(
        [sys.executable, "-c", MAKE, str(folder)], check=True, capture_output=True, env=environment
    )
    return lambda kind: str(folder / f"{kind}.keras")


def test_an_image_model_with_samples_gets_all_variants(made, tmp_path):
    generator = np.random.default_rng(3)
    images = generator.integers(0, 256, (300, 12, 12), dtype=np.uint8)
    np.savez(tmp_path / "s.npz", calibration=images, inputs=images[:50], targets=generator.integers(0, 3, 50))
    done = run_export(
        made("images"),
        "--jobs",
        "1",
        "--pixels",
        "0-1",
        "--samples",
        str(tmp_path / "s.npz"),
        "--labels",
        "a,b,c",
        out=tmp_path,
    )
    assert done.code == 0, done.stdout
    assert len(done.rows) == 15 and all(row["metric"] is not None for row in done.rows)
    import runtime

    model = runtime.load(tmp_path / "images" / "bundle", variant="tflite-int8")
    assert list(model.labels) == ["a", "b", "c"]
    assert model.predict(images[:3]).shape == (3, 3)


def test_a_table_model_without_samples_gets_the_float_variants(made, tmp_path):
    done = run_export(
        made("table"), "--jobs", "1", "--targets", "tflite-float32,onnx-float16,onnx-int8", out=tmp_path
    )
    status = {row["variant"]: row["status"] for row in done.rows}
    assert status == {"tflite-float32": "ok", "onnx-float16": "ok", "onnx-int8": "failed"}
    assert done.code == 1
    assert "--samples FILE.npz" in done.stdout


def test_an_op_without_a_tflite_builtin_is_refused_by_name(made, tmp_path):
    done = run_export(
        made("erfinv"), "--jobs", "1", "--targets", "saved_model,tflite-float32,tflite-float16", out=tmp_path
    )
    rows = {row["variant"]: row for row in done.rows}
    assert rows["saved_model"]["status"] == "ok"
    assert "tf.Erfinv" in rows["tflite-float32"]["reason"] and rows["tflite-float16"]["status"] == "failed"


@pytest.mark.parametrize(
    ("kind", "options", "code", "expected"),
    [
        ("images", [], 2, "add --pixels 0-255 if it was trained on raw pixels"),
        ("images", ["--pixels", "0-1", "--labels", "a,b"], 2, "--labels names 2 classes, images.keras has 3"),
        ("sequence", [], 2, "takes inputs of the shape [5, 7, 9]"),
        ("two", [], 2, "2 inputs and 1 outputs"),
        ("lambda", [], 1, "is not a Keras model that can be loaded"),
        ("table", ["--samples", "nowhere.npz"], 1, "nowhere.npz cannot be read"),
    ],
)
def test_what_does_not_fit_is_one_line(made, tmp_path, kind, options, code, expected):
    done = run_export(made(kind), "--jobs", "1", *options, out=tmp_path)
    assert done.code == code
    assert expected in done.stdout
    assert len(done.stdout.strip().splitlines()) == 1
    assert not (tmp_path / kind / "training.json").exists()


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "broken.keras").write_bytes(b"PK\x03\x04 not really")
    done = run_export(str(tmp_path / "broken.keras"), "--jobs", "1", out=tmp_path / "out")
    assert done.code == 1
    assert "broken.keras is not a Keras model" in done.stdout


def test_a_trained_models_name_is_not_taken_over(made, tmp_path):
    import shutil

    shutil.copytree(ROOT / "artifacts" / "diabetes-mlp", tmp_path / "table")
    done = run_export(made("table"), "--jobs", "1", out=tmp_path)
    assert done.code == 2 and "holds the trained model table" in done.stdout
