"""A user's own model, given by its path."""

import shlex
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from data.original import read_original
from export.checks.gate import Demand
from export.checks.spread import spreads
from export.run import jobs
from export.targets import PLAIN, TARGETS
from runtime.bundle import manifest_json
from runtime.measure.row import MeasuredRow
from tests.conftest import ENGINES_HERE, ROOT, run_export, with_keras
from tests.export.trained import users_own

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
    "images": [
        keras.Input((12, 12)), layers.Flatten(name="flat: größe"), layers.Dense(16, "relu"), layers.Dense(3, "softmax"),
    ],
    "table": [keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(1)],
    "lambda": [keras.Input((4,)), layers.Lambda(lambda x: x * 2), layers.Dense(1)],
    "open": [
        keras.Input((None,), dtype="int32", name="the tokens"), layers.Embedding(30, 4), layers.LSTM(4),
        layers.Dense(1, "sigmoid"),
    ],
}
models = {name: keras.Sequential(stack) for name, stack in stacks.items()}
# TensorFlow takes no such names of models and layers for scopes.
models["images"] = keras.Sequential(stacks["images"], name="my images")
inputs = keras.Input((4,))
models["erfinv"] = keras.Model(inputs, layers.Dense(1)(keras.ops.erfinv(layers.Dense(4, "tanh")(inputs) * 0.5)))
# A small spectrum and its logarithm; what all inputs have in common cancels out.
sums = layers.Dense(8, use_bias=False)
inputs = keras.Input((32,))
spectrum = sums(inputs)
kernel = sums.get_weights()[0]
sums.set_weights([kernel - kernel.mean(axis=0)])
models["spectrum"] = keras.Model(inputs, layers.Dense(4)(keras.ops.log(spectrum * spectrum + 1e-6)))
# Keras sorts by key, tf2onnx goes by position: the order of creation is neither.
z, a = keras.Input((3,), name="z"), keras.Input((6, 6, 1), name="a")
both = layers.Concatenate()([layers.Dense(5, "relu")(z), layers.Flatten()(a)])
outputs = {"price": layers.Dense(1)(both), "kind": layers.Dense(3, "softmax")(z)}
models["two"] = keras.Model({"z": z, "a": a}, outputs)
models["table"].export(folder / "exported", verbose=False)
for name, model in models.items():
    model.save(folder / f"{name}.keras")
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    with_keras(MAKE, str(folder))
    return lambda kind: str(folder / f"{kind}.keras")


def test_an_image_model_with_data_gets_all_variants(made, tmp_path):
    generator = np.random.default_rng(3)
    images = generator.integers(0, 256, (300, 12, 12), dtype=np.uint8)
    np.savez(tmp_path / "test.npz", inputs=images[:50], targets=generator.integers(0, 3, 50))
    np.save(tmp_path / "calibration.npy", images)
    done = run_export(
        made("images"),
        *("--jobs", "1", "--pixels", "0-1", "--labels", "a,b,c", "--max-drop", "100"),
        *("--calibration", str(tmp_path / "calibration.npy"), "--test", str(tmp_path / "test.npz")),
        out=tmp_path,
    )
    assert done.code == 0, done.stdout
    assert len(done.rows) == sum(len(set(t.engines) & set(ENGINES_HERE)) for t in PLAIN.values())
    assert all(row["metric"] is not None for row in done.rows)
    assert (
        "images: task of dense_1: classification, because it ends in a softmax over 3 classes" in done.stdout
    )
    import runtime

    model = runtime.load(tmp_path / "images" / "bundle", variant="tflite-int8")
    assert list(model.labels) == ["a", "b", "c"]
    assert model.predict(images[:3]).shape == (3, 3)


def test_two_inputs_and_two_outputs_get_all_variants_bound_by_name(made, tmp_path):
    generator = np.random.default_rng(3)
    arrays = {
        "z": generator.normal(size=(200, 3)).astype(np.float32),
        "a": generator.integers(0, 256, (200, 6, 6), dtype=np.uint8),
    }
    targets = {"targets_price": generator.normal(size=200), "targets_kind": generator.integers(0, 3, 200)}
    np.savez(tmp_path / "data.npz", **arrays, **targets)
    data = str(tmp_path / "data.npz")
    done = run_export(
        made("two"),
        *("--jobs", "1", "--calibration", data, "--test", data, "--pixels", "a=-1-1", "--max-drop", "100"),
        *("--unit", "price=USD", "--labels", "kind=ant,bee,cat"),
        out=tmp_path,
    )
    assert done.code == 0, done.stdout
    import runtime

    original = read_original(tmp_path / "two")
    inputs, expected = original.golden()
    for variant in ("tflite-float32", "onnx-float32"):
        model = runtime.load(tmp_path / "two" / "bundle", variant=variant)
        answers = model.predict({"z": inputs["z"], "a": inputs["a"]})
        for name, values in expected.items():
            np.testing.assert_allclose(answers[name], values, atol=1e-4)


def test_an_ill_conditioned_net_is_allowed_its_rounding_and_one_damaged_weight_is_found(made, tmp_path):
    rows = 30 + np.random.default_rng(2).normal(size=(300, 32))
    np.save(tmp_path / "calibration.npy", rows.astype(np.float32))
    done = run_export(
        made("spectrum"),
        *("--jobs", "1", "--task", "tensor", "--targets", "tflite-float32,onnx-float32"),
        *("--calibration", str(tmp_path / "calibration.npy")),
        out=tmp_path,
    )
    assert done.code == 0, done.stdout
    bundle, original = tmp_path / "spectrum" / "bundle", read_original(tmp_path / "spectrum")
    ((name, wide),) = spreads(original).items()
    manifest = manifest_json.from_json((bundle / "manifest.json").read_bytes())
    tolerances = [variant.tolerances[name] for variant in manifest.variants.values()]
    assert len(tolerances) == 2 and tolerances[0] == tolerances[1]
    assert 1e-5 * wide < tolerances[0].max_abs_error < 1e-3 * wide
    target = TARGETS["onnx-float32"]
    blank = MeasuredRow("spectrum", target.name, "onnxruntime", "skipped", file="a file")

    def verdict(file):
        rounding = {name: tolerances[0].max_abs_error}
        found = jobs.judge_file(blank, file, original, target, None, Demand(), sensitivity=rounding)
        return found.row.status

    assert verdict(bundle / "onnx-float32.onnx") == "ok"
    for damaged in ((32, 8), (8, 4)):
        model = onnx.load(bundle / "onnx-float32.onnx")
        (tensor,) = [each for each in model.graph.initializer if tuple(each.dims) == damaged]
        values = onnx.numpy_helper.to_array(tensor).copy()
        values[3, 2] *= np.float32(1.01)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        onnx.save(model, tmp_path / "damaged.onnx")
        assert verdict(tmp_path / "damaged.onnx") == "failed"


def test_a_table_model_without_data_gets_the_float_variants_and_the_others_are_skipped(made, tmp_path):
    done = run_export(
        made("table"), "--jobs", "1", "--targets", "tflite-float32,onnx-float16,onnx-int8", out=tmp_path
    )
    rows = {row["variant"]: row for row in done.rows}
    assert {name: row["status"] for name, row in rows.items()} == {
        "tflite-float32": "ok", "onnx-float16": rows["onnx-float16"]["status"], "onnx-int8": "skipped",
    }  # fmt: skip
    assert rows["onnx-float16"]["status"] in ("ok", "unproven")
    assert done.code == 0
    assert "--calibration DATA" in rows["onnx-int8"]["reason"]


def test_unknown_sizes_are_asked_for_with_the_option_to_type(made, tmp_path):
    done = run_export(made("open"), "--jobs", "1", out=tmp_path)
    (line,) = done.stdout.strip().splitlines()
    option = line.rpartition(": ")[2]
    assert done.code == 2 and option == "--shape 'the tokens=1,100'"
    targets = ("--targets", "tflite-float32,onnx-float32")
    done = run_export(
        made("open"), *shlex.split(option), *targets, "--name", "named", "--jobs", "1", out=tmp_path
    )
    assert done.code == 0, done.stdout
    assert {row["model"] for row in done.rows} == {"named"}


def test_a_saved_model_folder_is_exported_by_its_name_alone(made, tmp_path, monkeypatch):
    monkeypatch.chdir(Path(made("table")).parent)
    targets = ("--targets", "tflite-float32,onnx-float32", "--task", "regression")
    done = run_export("exported", *targets, "--jobs", "1", out=tmp_path)
    assert done.code == 0, done.stdout
    assert {row["model"]: row["status"] for row in done.rows} == {"exported": "ok"}


def test_an_op_without_a_tflite_builtin_is_refused_by_name(made, tmp_path):
    done = run_export(
        made("erfinv"), "--jobs", "1", "--targets", "saved_model,tflite-float32,tflite-float16", out=tmp_path
    )
    rows = {row["variant"]: row for row in done.rows}
    assert rows["saved_model"]["status"] == "ok"
    assert (
        "no op for Erfinv (in " in rows["tflite-float32"]["reason"]
        and rows["tflite-float16"]["status"] == "failed"
    )


@pytest.mark.parametrize(
    ("kind", "options", "code", "expected"),
    [
        (
            "images",
            ["--pixels", "0-1", "--labels", "a,b"],
            2,
            "--labels names 2 classes, and the output dense_1 has 3",
        ),
        ("table", ["--pixels", "-1-1"], 2, "--pixels -1-1: the model has no input of the shape of an image"),
        (
            "lambda",
            [],
            1,
            "the code of its Lambda layer 'lambda' stands in the file, and no code out of a file is ever run",
        ),
        ("table", ["--calibration", "nowhere.npz"], 1, "nowhere.npz does not exist; expected an .npz"),
        (
            "table",
            ["--test", "pyproject.toml"],
            1,
            "pyproject.toml is of an unknown kind; expected an .npz",
        ),
        ("table", ["--task", "guess"], 2, "--task guess: it is unknown; known: classification, binary"),
        ("table", ["--shape", "4"], 2, "--shape 4: expected INPUT=1,SIZE,… with the batch first"),
        ("table", ["--max-drop", "-1"], 2, "--max-drop is -1; give percentage points of accuracy"),
        ("table", ["--name", "../up"], 2, "'../up' cannot be a model's name; give another with --name"),
        (
            "table",
            ["--name", "report"],
            2,
            "python -m export takes 'report' for a command; give the model another",
        ),
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
    targets = ("--targets", "tflite-float32,onnx-float32", "--jobs", "1")
    own = f"lambda={users_own.__name__}:double"
    done = run_export(made("lambda"), "--custom-objects", own, *targets, out=tmp_path)
    assert done.code == 0, done.stdout
    assert {row["engine"] for row in done.rows if row["status"] == "ok"} == {*ENGINES_HERE} - {"tensorflow"}
    again = run_export("lambda", "--force", *targets, out=tmp_path)
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
    assert done.code == 2 and "holds the trained model table; give another name with --name" in done.stdout


def test_several_models_at_once(made, tmp_path):
    (tmp_path / "other.keras").write_bytes(Path(made("table")).read_bytes())
    models = (made("table"), str(tmp_path / "other.keras"))
    done = run_export(*models, "--targets", "onnx-float32", "--jobs", "1", out=tmp_path / "out")
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
        f"error: {made('table')} and {tmp_path / 'table.keras'} would both be called table; rename one "
        "with --name, or export them one after the other to two folders (--out)"
    )
    assert not (tmp_path / "out").exists()
