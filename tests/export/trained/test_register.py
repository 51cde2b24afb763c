"""A user's own model, given by its path."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data.dataset import image_input, table_input
from export.targets import TARGETS
from export.trained.register import read_samples
from runtime.errors import DataError
from tests.conftest import ENGINES_HERE, ROOT, run_export

pytestmark = pytest.mark.conversion
KERAS_2 = Path(__file__).with_name("model_files") / "keras2" / "models.zip"
MAKE = """
import sys
from pathlib import Path
import keras
from keras import layers

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
    assert len(done.rows) == sum(len(set(t.engines) & set(ENGINES_HERE)) for t in TARGETS.values())
    assert all(row["metric"] is not None for row in done.rows)
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


EXPECTED = (
    "expected the arrays calibration, inputs, targets; "
    "write it with numpy.savez(FILE, calibration=…, inputs=…, targets=…)"
)
PIXELS, ROWS = np.zeros((3, 4, 4), np.uint8), np.zeros((3, 2), np.float64)


@pytest.mark.parametrize(
    ("takes", "arrays", "words"),
    [
        (table_input("ab"), {"x": ROWS, "y": ROWS}, f"holds x, y; {EXPECTED}"),
        (table_input("ab"), None, f"cannot be read (No such file or directory); {EXPECTED}"),
        (
            table_input("abc"),
            {"calibration": ROWS, "inputs": ROWS, "targets": np.zeros(3)},
            ": calibration has the shape [3, 2]; expected [n, 3]",
        ),
        (
            table_input("ab"),
            {"calibration": ROWS, "inputs": ROWS[:0], "targets": np.zeros(0)},
            ": inputs has the shape [0, 2]; expected [n, 2]",
        ),
        (
            table_input("ab"),
            {"calibration": ROWS, "inputs": np.array("a"), "targets": np.zeros(3)},
            ": inputs is <U1; give numbers",
        ),
        (
            table_input("ab"),
            {"calibration": ROWS, "inputs": np.float32(1), "targets": np.zeros(3)},
            ": inputs has the shape []; expected [n, 2]",
        ),
        (
            image_input((4, 4, 1), 255),
            {"calibration": PIXELS, "inputs": PIXELS / 255, "targets": np.zeros(3)},
            ": inputs is float64; give raw uint8 pixels from 0 to 255",
        ),
        (
            image_input((4, 4, 1), 255),
            {"calibration": PIXELS, "inputs": PIXELS, "targets": np.zeros((2, 3))},
            ": 3 inputs, but targets of the shape [2, 3]; give one target for each input",
        ),
    ],
)
def test_samples_that_do_not_fit_are_refused(tmp_path, takes, arrays, words):
    path = tmp_path / "s.npz"
    if arrays is not None:
        np.savez(path, **arrays)
    with pytest.raises(DataError) as caught:
        read_samples(path, takes)
    assert str(caught.value) == f"{path}{'' if words.startswith(':') else ' '}{words}"


def test_samples_get_the_shape_and_dtype_that_the_model_takes(tmp_path):
    np.savez(tmp_path / "images.npz", calibration=PIXELS[:2], inputs=PIXELS, targets=np.zeros((3, 1)))
    found = read_samples(tmp_path / "images.npz", image_input((4, 4, 1), 255))
    assert (found.calibration.shape, found.calibration.dtype) == ((2, 4, 4, 1), np.uint8)
    assert (found.test_data.inputs.shape, found.test_data.targets.shape) == ((3, 4, 4, 1), (3,))
    np.savez(tmp_path / "rows.npz", calibration=ROWS, inputs=ROWS, targets=np.zeros(3))
    assert read_samples(tmp_path / "rows.npz", table_input("ab")).calibration.dtype == np.float32


@pytest.mark.parametrize(
    ("kind", "options", "code", "expected"),
    [
        ("images", [], 2, "add --pixels 0-255 if it was trained on raw pixels"),
        ("images", ["--pixels", "0-1", "--labels", "a,b"], 2, "--labels names 2 classes, images.keras has 3"),
        ("sequence", [], 2, "takes inputs of the shape [5, 7, 9]"),
        ("two", [], 2, "2 inputs and 1 outputs"),
        (
            "lambda",
            [],
            1,
            "the code of its Lambda layer 'lambda' stands in the file, and no code out of a file is ever run",
        ),
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


def test_a_layer_of_the_users_own_code_is_exported(made, tmp_path):
    (tmp_path / "mine.py").write_text("def double(values):\n    return values * 2\n")
    targets = ("--targets", "tflite-float32,onnx-float32", "--jobs", "1")
    done = run_export(
        made("lambda"),
        "--custom-objects",
        "lambda=mine:double",
        *targets,
        out=tmp_path,
        PYTHONPATH=str(tmp_path),
    )
    assert done.code == 0, done.stdout
    assert {row["engine"] for row in done.rows if row["status"] == "ok"} == {*ENGINES_HERE} - {"tensorflow"}
    again = run_export("lambda", "--force", *targets, out=tmp_path, PYTHONPATH=str(tmp_path))
    assert again.code == 0, again.stdout


def test_a_file_of_keras_2_is_exported(tmp_path):
    with zipfile.ZipFile(KERAS_2) as archive:
        archive.extract("convolutions.h5", tmp_path)
    options = ("--pixels", "0-1", "--targets", "tflite-float32", "--jobs", "1")
    done = run_export(str(tmp_path / "convolutions.h5"), *options, out=tmp_path)
    assert done.code == 0, done.stdout
    assert done.rows and all(row["status"] == "ok" for row in done.rows)


def test_a_trained_models_name_is_not_taken_over(made, tmp_path):
    import shutil

    shutil.copytree(ROOT / "artifacts" / "diabetes-mlp", tmp_path / "table")
    done = run_export(made("table"), "--jobs", "1", out=tmp_path)
    assert done.code == 2 and "holds the trained model table" in done.stdout


def test_several_models_at_once(made, tmp_path):
    (tmp_path / "other.keras").write_bytes(Path(made("table")).read_bytes())
    done = run_export(
        made("table"), str(tmp_path / "other.keras"), "--targets", "onnx-float32", out=tmp_path / "out"
    )
    assert done.code == 0, done.stdout
    assert {row["model"]: row["status"] for row in done.rows} == {"table": "ok", "other": "ok"}


def test_one_of_several_that_is_no_model_is_refused_and_nothing_is_exported(made, tmp_path):
    (tmp_path / "broken.keras").write_bytes(b"PK\x03\x04 not really")
    done = run_export(made("table"), str(tmp_path / "broken.keras"), "--jobs", "1", out=tmp_path / "out")
    assert done.code == 1 and "broken.keras is not a Keras model" in done.stdout
    assert not (tmp_path / "out" / "table" / "bundle").exists()


def test_two_models_of_one_name_are_refused(made, tmp_path):
    (tmp_path / "table.keras").write_bytes(Path(made("table")).read_bytes())
    done = run_export(made("table"), str(tmp_path / "table.keras"), out=tmp_path / "out")
    assert done.code == 2
    assert done.stdout.strip() == (
        f"error: {made('table')} and {tmp_path / 'table.keras'} would both be called table; rename one, or export "
        "them one after the other to two folders (--out)"
    )
    assert not (tmp_path / "out").exists()
