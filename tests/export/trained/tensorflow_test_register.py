"""Any model of the user's own: what it is taken for, what is asked for, and what is refused by name."""

import re
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image

from data.original import read_original
from export.checks.asked_metric import asked
from export.trained.original_model import open_original
from export.trained.register import register
from export.trained.user_model import UserModel
from runtime.commands.answers import rms_of
from runtime.errors import DataError, EdgeProofError, ModelError, UsageError

KERAS_2 = Path(__file__).with_name("model_files") / "keras2" / "models.zip"


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(1)


@pytest.fixture
def registered(tmp_path):
    """Saves and registers a model, and checks what holds for every one."""

    def run(model, **said):
        path = model
        if not isinstance(model, Path):
            model.save(path := tmp_path / "own.keras")
        found = register(UserModel(path, **said), tmp_path / "out" / "own")
        original = read_original(tmp_path / "out" / "own")
        assert original == found.original
        inputs, outputs = original.golden()
        answers = open_original(original).call(inputs)
        for name, values in outputs.items():
            np.testing.assert_array_equal(answers[name], values)
        return found

    return run


def refused(tmp_path, model, error=UsageError, **said):
    path = model
    if not isinstance(model, Path):
        model.save(path := tmp_path / "own.keras")
    with pytest.raises(error) as caught:
        register(UserModel(path, **said), tmp_path / "out" / "own")
    assert not (tmp_path / "out").exists()
    return str(caught.value)


def dense(shape=(4,), name="x", units=3, activation="softmax", dtype="float32"):
    inputs = keras.Input(shape, name=name, dtype=dtype)
    values = layers.Flatten()(inputs) if len(shape) > 1 else inputs
    return keras.Model(inputs, layers.Dense(units, activation, name="y")(values))


def embedded(rows=50, steps=6, dtype="int32", activation="sigmoid", units=1):
    tokens = keras.Input((steps,), name="tokens", dtype=dtype)
    values = layers.LSTM(4)(layers.Embedding(rows, 3)(tokens))
    return keras.Model(tokens, layers.Dense(units, activation, name="y")(values))


# What an input is taken for.


def described(record):
    return {key: value for key, value in record._asdict().items() if value is not None and key != "columns"}


@pytest.mark.parametrize(
    ("model", "said", "expected"),
    [
        (lambda: dense(), {}, {"kind": "table", "shape": (4,), "dtype": "float"}),
        (lambda: dense((5, 4)), {}, {"kind": "sequence", "shape": (5, 4), "dtype": "float"}),
        (lambda: dense((5, 4, 7)), {}, {"kind": "tensor", "shape": (5, 4, 7), "dtype": "float"}),
        (
            lambda: dense((8, 8, 3)),
            {"pixels": {"": "-1-1"}},
            {
                "kind": "image",
                "shape": (8, 8, 3),
                "dtype": "uint8",
                "low": 0,
                "high": 255,
                "resize": "stretch",
            },
        ),
        (
            lambda: dense((8, 9)),
            {"pixels": {"x": "0-1"}, "resize": "pad"},
            {"kind": "image", "shape": (8, 9, 1), "dtype": "uint8", "low": 0, "high": 255, "resize": "pad"},
        ),
        (
            lambda: keras.Sequential(
                [keras.Input((8, 8, 1), name="x"), layers.Rescaling(1 / 255), layers.Flatten()]
            ),
            {},
            {
                "kind": "image",
                "shape": (8, 8, 1),
                "dtype": "uint8",
                "low": 0,
                "high": 255,
                "resize": "stretch",
            },
        ),
        (
            lambda: keras.Sequential([keras.Input((8, 8, 1), name="x", dtype="uint8"), layers.Flatten()]),
            {},
            {
                "kind": "image",
                "shape": (8, 8, 1),
                "dtype": "uint8",
                "low": 0,
                "high": 255,
                "resize": "stretch",
            },
        ),
        (
            lambda: embedded(),
            {},
            {"kind": "sequence", "shape": (6,), "dtype": "int32", "low": 0, "high": 49},
        ),
        (  # Keras 2 declares them as floats.
            lambda: embedded(dtype="float32"),
            {},
            {"kind": "sequence", "shape": (6,), "dtype": "int32", "low": 0, "high": 49},
        ),
        (
            lambda: embedded(steps=1, dtype="int64"),
            {},
            {"kind": "tensor", "shape": (1,), "dtype": "int64", "low": 0, "high": 49},
        ),
        (lambda: dense((3, 2), dtype="int16"), {}, {"kind": "tensor", "shape": (3, 2), "dtype": "int32"}),
        (lambda: dense((3,), dtype="bool"), {}, {"kind": "sequence", "shape": (3,), "dtype": "bool"}),
        (lambda: dense((3,), dtype="float16"), {}, {"kind": "table", "shape": (3,), "dtype": "float"}),
        (
            lambda: keras.Model(x := keras.Input((), name="x"), keras.ops.sin(x)),
            {},
            {"kind": "tensor", "shape": (), "dtype": "float"},
        ),
    ],
)
def test_what_an_input_is_taken_for(registered, model, said, expected):
    (record,) = registered(model(), **said).original.record.inputs
    assert described(record) == {"name": record.name, **expected}


def test_a_tensor_that_may_be_a_picture_is_told_with_the_option(registered):
    notes = registered(dense((8, 8, 3))).notes
    assert notes[0] == (
        "input x: a tensor, because nothing says that it takes pictures; if it does, --pixels 0-255, 0-1, -1-1 or "
        "imagenet puts the scaling of their pixels into the graph"
    )


def test_pixels_are_scaled_before_the_model_and_the_file_stays_as_it_is(registered, tmp_path):
    model = dense((8, 8, 3))
    found = registered(model, pixels={"": "imagenet"})
    assert found.original.record.source.pixels == {"x": "imagenet"}
    assert (tmp_path / "own.keras").read_bytes() == found.original.model.read_bytes()
    inputs, outputs = found.original.golden()
    pixels = keras.applications.densenet.preprocess_input(inputs["x"].astype(np.float32))
    np.testing.assert_allclose(outputs["y"], model.predict(pixels, verbose=0), atol=1e-5)


def test_pixels_twice_scaled_are_told(registered):
    model = keras.Sequential([keras.Input((8, 8, 1), name="x"), layers.Rescaling(1 / 255), layers.Flatten()])
    assert registered(model, pixels={"": "0-1"}).notes[0] == (
        "input x: the model scales pixels itself, and --pixels 0-1 scales them once more; leave it out unless it was "
        "trained so"
    )


def test_a_vocabulary_makes_a_text(registered, tmp_path):
    (tmp_path / "words.txt").write_text("the\na\nfilm\n")
    found = registered(embedded(), vocabularies={"": tmp_path / "words.txt"})
    (record,) = found.original.record.inputs
    assert (record.kind, record.high, record.vocabulary) == ("text", 4, "vocabulary.txt")
    assert (found.original.folder / "vocabulary.txt").read_text() == "the\na\nfilm\n"
    assert "vocabulary.txt" in found.original.record.sha256


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (
            "\n".join(f"w{number}" for number in range(49)),
            UsageError,
            "--vocabulary: it has 49 words, whose numbers go up to 50, and the table of embeddings that takes the "
            "input tokens has rows up to 49; give the vocabulary that the model was trained with",
        ),
        (
            "\n[UNK]\nfilm\n",
            DataError,
            "PATH: line 1 of the vocabulary is ''; expected one word of the letters a to z, digits and apostrophes, "
            "since no other is ever looked up; HINT",
        ),
        ("a\nb\na\n", DataError, "PATH: the vocabulary has 'a' in line 1 and again in line 3; HINT"),
        (
            None,
            DataError,
            "PATH cannot be read (No such file or directory); give a text file with one word a line",
        ),
    ],
)
def test_words_that_do_not_fit_are_refused(tmp_path, words, error, said):
    if words is not None:
        (tmp_path / "words.txt").write_text(words)
    found = refused(tmp_path, embedded(), error, vocabularies={"": tmp_path / "words.txt"})
    hint = "padding and unknown words have the numbers 0 and 1 by themselves, without lines"
    assert found == said.replace("PATH", str(tmp_path / "words.txt")).replace("HINT", hint)


def test_texts_are_numbered_by_the_vocabulary(registered, tmp_path):
    (tmp_path / "words.txt").write_text("the\na\nfilm\n")
    (tmp_path / "texts.csv").write_text("mood,text\nyes,The film\nno,a silly film\n")
    found = registered(
        embedded(),
        vocabularies={"": tmp_path / "words.txt"},
        test=tmp_path / "texts.csv",
        target_columns=("mood",),
    )
    test = found.original.test_data()
    assert test.inputs["tokens"].tolist() == [[2, 4, 0, 0, 0, 0], [3, 1, 4, 0, 0, 0]]
    assert test.targets["y"].tolist() == [1, 0]


def test_words_are_for_whole_numbers(tmp_path):
    (tmp_path / "words.txt").write_text("a\n")
    assert refused(tmp_path, dense(), vocabularies={"": tmp_path / "words.txt"}) == (
        f"--vocabulary {tmp_path}/words.txt names no input with the numbers of words, and the model has none; "
        "leave it out"
    )


# What an output is taken for.


def test_tasks_are_guessed_and_said(registered):
    found = registered(dense())
    assert found.notes == (
        "task of y: classification, because it ends in a softmax over 3 classes; --task overrides",
    )
    (output,) = found.original.record.outputs
    assert (output.task, output.labels) == ("classification", ("0", "1", "2"))


def test_the_user_has_the_last_word(registered):
    found = registered(dense(), tasks={"": "regression"}, units={"y": ("m", "", "s")})
    (output,) = found.original.record.outputs
    assert (output.task, output.units, output.labels, found.notes) == (
        "regression",
        ("m", None, "s"),
        None,
        (),
    )


def test_names_of_classes_make_a_classification(registered):
    found = registered(dense(activation="linear"), labels={"": ("a", "b", "c")})
    assert found.notes == ("task of y: classification, because --labels names its classes; --task overrides",)
    assert found.original.record.outputs[0].labels == ("a", "b", "c")


def test_one_unit_is_of_all_values(registered):
    found = registered(dense(activation="linear"), units={"": ("°C",)})
    assert found.original.record.outputs[0].units == ("°C",) * 3


def test_several_outputs_have_their_own_words(registered):
    x = keras.Input((4,), name="x")
    model = keras.Model(
        x,
        {
            "kind": layers.Dense(2, "softmax")(x),
            "price": layers.Dense(1)(x),
            "x": layers.Dense(1, "sigmoid")(x),
        },
    )
    found = registered(model, labels={"kind": ("cat", "dog")}, units={"": ("USD",)}, tasks={"x": "tensor"})
    outputs = {output.name: output for output in found.original.record.outputs}
    assert outputs["kind"].labels == ("cat", "dog")
    assert outputs["price"].units == ("USD",)
    assert outputs["x_output"].task == "tensor"
    assert found.original.record.source.names == {"x_output": "x"}


def test_an_image_rebuilt_has_the_shape_of_the_image(registered):
    x = keras.Input((6, 5), name="x")
    model = keras.Model(x, layers.Reshape((6, 5))(layers.Dense(30, "sigmoid")(layers.Flatten()(x))))
    (output,) = registered(model, pixels={"": "0-1"}).original.record.outputs
    assert (output.task, output.input, output.shape) == ("reconstruction", "x", (6, 5, 1))


def test_whole_numbers_and_half_floats_leave_in_the_dtypes_of_devices(registered):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, {"best": keras.ops.argmax(x, axis=1), "half": keras.ops.cast(x, "float16")})
    found = registered(model, tasks={"half": "tensor"})
    outputs = {output.name: output for output in found.original.record.outputs}
    best = keras.backend.standardize_dtype(model.output["best"].dtype)
    assert (outputs["best"].dtype, outputs["half"].dtype) == (best, "float32")
    assert f"task of best: tensor, because it gives {best}; --task overrides" in found.notes


# Files of other kinds.


def test_unknown_sizes_are_fixed(registered):
    model = keras.Sequential(
        [
            keras.Input((None,), dtype="int32", name="tokens"),
            layers.Embedding(9, 2),
            layers.GRU(3, return_sequences=True),
        ]
    )
    found = registered(model, shapes={"tokens": (1, 7)}).original.record
    assert found.inputs[0].shape == (7,) and found.outputs[0].shape == (7, 3)
    assert found.source.shapes == {"tokens": (None, 7)}


def test_a_file_of_keras_2(registered, tmp_path):
    with zipfile.ZipFile(KERAS_2) as archive:
        archive.extract("convolutions.h5", tmp_path)
    found = registered(tmp_path / "convolutions.h5", pixels={"": "0-1"}).original
    assert found.model.name == "model.h5" and found.record.inputs[0].kind == "image"


class Program(tf.Module):
    """A SavedModel that Keras had no part in, with several signatures."""

    def __init__(self):
        super().__init__()
        self.weights = tf.Variable(tf.ones((4, 2)))

    @tf.function(
        input_signature=[tf.TensorSpec((None, 4), name="x"), tf.TensorSpec((None,), tf.int32, name="n")]
    )
    def two(self, x, n):
        return {"y": x @ self.weights, "more": n + 1}

    @tf.function(input_signature=[tf.TensorSpec((None, None, 4), name="x")])
    def steps(self, x):
        return {"y": tf.matmul(x, self.weights)}

    @tf.function(input_signature=[tf.TensorSpec((2, 4), name="x")])
    def fixed(self, x):
        return {"y": x @ self.weights}

    @tf.function(input_signature=[tf.TensorSpec((None, 4), name="x")])
    def flat(self, x):
        return {"y": tf.reshape(x @ self.weights, (-1,))}

    @tf.function(input_signature=[tf.TensorSpec((None, 4), name="x")])
    def total(self, x):
        return {"y": tf.reduce_sum(x)}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("program") / "program"
    module = Program()
    signatures = {name: getattr(module, name) for name in ("steps", "fixed", "flat", "total")}
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.two, **signatures})
    return folder


def test_a_saved_model(registered, program):
    found = registered(program).original
    assert {taken.name: (taken.kind, taken.shape) for taken in found.record.inputs} == {
        "n": ("tensor", ()), "x": ("table", (4,)),
    }  # fmt: skip
    assert found.record.source.file == "saved_model" and found.record.parameters == 8
    assert (found.folder / "saved_model" / "saved_model.pb").read_bytes() == (
        program / "saved_model.pb"
    ).read_bytes()


def test_a_signature_and_a_size_of_a_saved_model(registered, program):
    record = registered(program, signature="steps", shapes={"x": (1, 6, 4)}).original.record
    assert (record.inputs[0].shape, record.outputs[0].shape) == ((6, 4), (6, 2))
    assert (record.source.signature, record.source.shapes) == ("steps", {"x": (None, 6, 4)})


def test_a_saved_model_of_keras(registered, tmp_path):
    dense((8, 8, 1)).export(tmp_path / "exported", verbose=False)
    found = registered(tmp_path / "exported", pixels={"": "0-255"}, tasks={"": "classification"})
    assert found.original.record.inputs[0].kind == "image"
    assert found.original.record.outputs[0].labels == ("0", "1", "2")


def test_a_network_of_keras_applications_that_scales_its_pixels_itself(registered):
    model = keras.applications.MobileNetV3Small(weights=None, input_shape=(64, 64, 3), classes=7)
    record = registered(model).original.record
    assert record.inputs[0].kind == "image" and record.source.pixels == {}
    assert record.outputs[0].task == "classification" and record.parameters == model.count_params()


def test_a_network_of_keras_applications_that_wants_its_pixels_scaled(registered):
    model = keras.applications.MobileNet(weights=None, alpha=0.25, input_shape=(32, 32, 3), classes=5)
    assert registered(model, pixels={"": "-1-1"}).original.record.inputs[0].kind == "image"


# The data.


def rows(count=120, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)


def test_golden_inputs_and_figures_come_from_the_users_data(registered):
    model = dense()
    values = rows()
    targets = model.predict(values, verbose=0).argmax(axis=1)
    targets[:12] = (targets[:12] + 1) % 3
    found = registered(
        model,
        calibration={"x": rows(60, 1)},
        test={"inputs": values, "targets": targets},
        labels={"": ("a", "b", "c")},
    )
    original = found.original
    metric = original.record.metrics["y"]
    assert (metric.name, metric.value, metric.split) == ("accuracy", 0.9, "samples")
    np.testing.assert_array_equal(original.calibration()["x"], rows(60, 1))
    np.testing.assert_array_equal(original.test_data().targets["y"], targets)
    np.testing.assert_allclose(original.reference()["y"], model.predict(values, verbose=0), atol=1e-6)
    golden = {row.tobytes() for row in original.golden()[0]["x"]}
    assert golden <= {row.tobytes() for row in values}
    assert len(found.notes) == 1  # the task


def test_test_data_calibrate_nothing(registered):
    assert registered(dense(), test={"x": rows()}).original.calibration() is None


def test_test_data_without_targets_are_told(registered):
    found = registered(dense(), test={"x": rows()})
    assert found.notes[-1] == (
        "the test data have no targets for y: what its files lose is not compared with a budget"
    )
    assert found.original.record.metrics == {}
    assert found.original.reference()["y"].shape == (120, 3)


def test_data_of_classes_make_a_classification(registered):
    numbers = np.arange(120) % 3
    found = registered(dense(activation="linear"), test={"x": rows(), "targets": numbers})
    (output,) = found.original.record.outputs
    assert (output.task, output.labels) == ("classification", ("0", "1", "2"))
    assert found.notes[0] == (
        "task of y: classification, because its targets are class numbers up to 2; --task overrides"
    )
    assert found.original.record.metrics["y"].name == "accuracy"


def test_a_metric_of_the_users_own_may_take_class_numbers_for_values(registered, tmp_path, monkeypatch):
    (tmp_path / "users_counts.py").write_text("def off(answers, targets):\n    return 0.5\n")
    monkeypatch.syspath_prepend(tmp_path)
    said = {
        "test": {"x": rows(), "targets": np.arange(120) % 3},
        "metrics": asked(["users_counts:off,lower"]),
    }
    (output,) = registered(dense(activation="linear"), **said).original.record.outputs
    assert output.task == "regression"


def test_answers_that_are_no_probabilities_are_told(registered):
    model = dense(units=1, activation="linear")
    found = registered(model, tasks={"": "binary"}, test={"x": rows() * 9})
    (line,) = (note for note in found.notes if note.startswith("y: answers go from -"))
    assert line.endswith("takes them for probabilities, yes from 0.5 on; end the model in a sigmoid")


def test_an_original_no_better_than_a_constant_answer_is_told(registered):
    model = dense()
    wrong = (model.predict(rows(), verbose=0).argmax(axis=1) + 1) % 3
    found = registered(model, test={"x": rows(), "targets": wrong})
    assert found.notes[-1].startswith(
        "y: the original is no better on the test data than a constant answer: its accuracy is 0.00%, and always "
    )


def test_calibration_data_that_look_wrong_are_told(registered):
    found = registered(dense(), calibration={"x": np.zeros((3, 4))})
    assert found.notes[-1] == (
        "the calibration data look wrong: there are 3 samples, and 50 are few; x is 0 everywhere"
    )


def test_a_table_names_columns_and_targets(registered, tmp_path):
    lines = ["d,price,a,b,c", *(",".join(map(str, [*row, 1.5])) for row in rows(60).tolist())]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    found = registered(
        dense(units=1, activation="linear"), test=tmp_path / "t.csv", target_columns=("price",)
    ).original.record
    assert found.inputs[0].columns == ("d", "a", "b", "c")
    assert found.outputs[0].columns == ("price",)
    assert set(found.metrics) == {"y"}


def test_pictures_name_the_classes(registered, tmp_path):
    for number, name in enumerate(("zebra", "ant", "bee")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for place in range(2):
            Image.new("RGB", (20, 30), (60 * number, 100, 40 * place)).save(
                tmp_path / "photos" / name / f"{place}.png"
            )
    found = registered(dense((8, 8, 3)), test=tmp_path / "photos", pixels={"": "0-1"})
    assert found.original.record.outputs[0].labels == ("ant", "bee", "zebra")
    assert found.original.test_data().targets["y"].tolist() == [0, 0, 1, 1, 2, 2]
    assert refused(tmp_path / "again", dense_in(tmp_path), test=tmp_path / "photos") == (
        f"{tmp_path / 'photos'} holds pictures, and own.keras does not say what pixels its input 'x' was trained on: "
        "add --pixels 0-255 for raw ones, 0-1 where they were divided by 255, -1-1, or imagenet"
    )


def dense_in(folder):
    dense((8, 8, 3)).save(folder / "own.keras")
    return folder / "own.keras"


def test_a_reconstruction_is_compared_with_its_input_as_the_model_sees_it(registered):
    x = keras.Input((6, 5, 1), name="x")
    model = keras.Model(x, layers.Rescaling(0.5)(x))
    pixels = np.random.default_rng(0).integers(0, 256, (60, 6, 5, 1)).astype(np.uint8)
    found = registered(model, pixels={"": "0-1"}, test={"x": pixels}).original
    expected = pixels / np.float32(255)
    (name,) = found.record.metrics
    np.testing.assert_allclose(found.test_data().targets[name], expected, atol=1e-6)
    assert found.record.metrics[name].value == pytest.approx(np.sqrt((expected / 2) ** 2).mean(), rel=0.3)


@pytest.mark.parametrize(
    ("first", "pixels", "channels", "scale", "offset"),
    [
        (None, "0-1", 1, [1 / 255], [0]),
        (None, "-1-1", 1, [1 / 127.5], [-1]),
        (
            None, "imagenet", 3,
            [1 / 255 / 0.229, 1 / 255 / 0.224, 1 / 255 / 0.225],
            [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225],
        ),
        (layers.Rescaling(1 / 127.5, offset=-1), None, 1, [1 / 127.5], [-1]),
        (None, "0-255", 1, [1], [0]),
    ],
)  # fmt: skip
def test_the_scale_of_an_image_rebuilt_is_recorded(registered, first, pixels, channels, scale, offset):
    """A model that gives back just what it is given is 0 away from its input in the recorded scale, and in no other."""
    x = keras.Input((6, 5, channels), name="x")
    same = layers.DepthwiseConv2D(1, depthwise_initializer="ones", use_bias=False)
    found = registered(
        keras.Model(x, same(first(x) if first else x)), pixels={"": pixels} if pixels else {}
    ).original
    (output,), (taken,) = found.record.outputs, found.record.inputs
    assert (output.task, output.input, taken.kind) == ("reconstruction", "x", "image")
    np.testing.assert_allclose(output.scale, scale, rtol=1e-6)
    np.testing.assert_allclose(output.offset, offset, rtol=1e-6)
    inputs, outputs = found.golden()
    for given, row in zip(inputs["x"], outputs[output.name], strict=True):
        assert rms_of(row, given, taken, output) < 1e-4
        assert rms_of(row, given, taken, output._replace(scale=(2.0,))) > 0.1


def test_a_scale_that_nobody_knows_is_not_recorded(registered):
    x = keras.Input((6, 5, 1), name="x")
    for first in (layers.Normalization(mean=3.0, variance=4.0), lambda x: x / 7, lambda x: x - 5):
        same = layers.DepthwiseConv2D(1, depthwise_initializer="ones")(first(x))
        (output,) = registered(keras.Model(x, same), pixels={"": "0-255"}).original.record.outputs
        assert (output.task, output.scale, output.offset) == ("reconstruction", None, None)


def test_a_table_rebuilt_in_its_own_scale_has_none_recorded(registered):
    x = keras.Input((6,), name="x")
    (plain,) = registered(
        keras.Model(x, layers.Dense(6)(x)), tasks={"": "reconstruction"}
    ).original.record.outputs
    assert (plain.scale, plain.offset) == (None, None)
    scaled = keras.Model(x, layers.Dense(6)(layers.Rescaling(0.5, offset=2)(x)))
    (found,) = registered(scaled, tasks={"": "reconstruction"}).original.record.outputs
    assert (found.scale, found.offset) == ((0.5,), (2.0,))


def test_inputs_that_it_cannot_answer_are_asked_for(tmp_path, registered):
    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.ops.log(-keras.ops.abs(x) - 1))
    assert refused(tmp_path, model, ModelError) == (
        "own.keras answers NaN or infinity to every input that was tried; give inputs that it can answer with --test "
        "or --calibration"
    )


# What is refused.


def test_a_layer_that_no_device_has_leaves_the_other_formats(registered):
    x = keras.Input((10,), dtype="int64", name="x")
    model = keras.Model(x, layers.Embedding(5, 2)(layers.Hashing(5, name="hashed")(x)))
    refusals = registered(model).original.record.refused
    assert set(refusals) == {"tflite", "onnx"}
    assert all("the layer 'hashed' (Hashing) hashes strings" in text for text in refusals.values())


def strings():
    x = keras.Input((1,), dtype="string", name="x")
    return keras.Model(x, layers.Embedding(3, 2)(layers.StringLookup(vocabulary=["a"])(x)))


@pytest.mark.parametrize(
    ("model", "said", "words"),
    [
        (
            strings,
            {},
            "own.keras: its input 'x' takes strings, which the engines of a device do not have; move the lookup of "
            "strings out of the model, and give it numbers",
        ),
        (
            lambda: keras.Sequential([keras.Input((None, None, 3), name="x"), layers.Conv2D(2, 1)]),
            {},
            "own.keras: only the batch may be unknown, and the input 'x' has the shape [batch, n, n, 3]; fix the "
            "sizes, the batch first: --shape x=1,100,100,3",
        ),
        (
            dense,
            {"pixels": {"": "0-1"}},
            "--pixels 0-1: the model has no input of the shape of an image, [height, width] or [height, width, 1 or "
            "3]; it has x [batch, 4]",
        ),
        (
            lambda: dense((8, 8, 1)),
            {"pixels": {"": "imagenet"}},
            "--pixels imagenet: the input x has no three channels of colour",
        ),
        (
            lambda: dense((8, 8, 3), dtype="uint8"),
            {"pixels": {"": "0-1"}},
            "--pixels 0-1: the input x takes uint8, whole pixels; say --pixels 0-255",
        ),
        (
            dense,
            {"tasks": {"": "binary"}},
            "--task binary: the output y has the shape [batch, 3]; expected […, 1]",
        ),
        (
            lambda: dense(units=1),
            {"tasks": {"": "classification"}},
            "--task classification: the output y has the shape [batch, 1]; expected […, 2 or more]",
        ),
        (
            dense,
            {"tasks": {"": "reconstruction"}},
            "--task reconstruction: the output y has the shape [batch, 3], and no input has it; it has x [batch, 4]",
        ),
        (
            lambda: keras.Model(x := keras.Input((4,)), keras.ops.argmax(x, axis=1)),
            {"tasks": {"": "regression"}},
            re.compile(
                r"--task regression: the output .* gives int(32|64); this task needs floating-point scores or values"
            ),
        ),
        (dense, {"labels": {"": ("a", "b")}}, "--labels names 2 classes, and the output y has 3"),
        (
            dense,
            {"tasks": {"": "regression"}, "labels": {"": ("a", "b", "c")}},
            "--labels a,b,c names no output with classes, and the model has none; leave it out",
        ),
        (
            lambda: dense(activation="linear"),
            {"units": {"": ("m", "s")}},
            "--unit names 2 units, and the output y has 3 values",
        ),
        (
            dense,
            {"tasks": {"z": "tensor"}},
            "--task z=tensor: the model has no output of this name; it has y",
        ),
        (
            dense,
            {"shapes": {"z": (1, 4)}},
            "--shape z: own.keras has no such input; its inputs are x",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path, model, said, words):
    found = refused(tmp_path, model(), EdgeProofError, **said)
    assert words.fullmatch(found) if isinstance(words, re.Pattern) else found == words


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (
            "fixed",
            "program takes exactly 2 rows at a time, and an exported file takes any number; export it again with a "
            "signature of the shape [None, …]",
        ),
        (
            "flat",
            "program: its output 'y' has the shape [6] for 3 rows; an exported model gives a row of each output for "
            "each row of its inputs: leave that output out",
        ),
        (
            "total",
            "PATH gives 'y' as a single number for all rows; choose another one with --signature NAME",
        ),
        (
            "steps",
            "program: only the batch may be unknown, and the input 'x' has the shape [batch, n, 4]; fix the sizes, the "
            "batch first: --shape x=1,100,4",
        ),
        (
            "serve",
            "--signature serve: PATH has no such signature; it has fixed, flat, serving_default, steps, total",
        ),
    ],
)
def test_signatures_that_cannot_be_exported_are_refused(tmp_path, program, signature, words):
    found = refused(tmp_path, program, EdgeProofError, signature=signature)
    assert found == words.replace("PATH", str(program))


def test_a_model_that_does_not_answer_is_refused(tmp_path):
    class Wide(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.int32, name="x")])
        def serve(self, x):
            with tf.control_dependencies([tf.debugging.assert_greater(x, 100)]):
                return {"y": tf.cast(x, tf.float32)}

    tf.saved_model.save(module := Wide(), str(tmp_path / "wide"), signatures=module.serve)
    said = refused(tmp_path / "elsewhere", tmp_path / "wide", ModelError)
    assert said.startswith("wide does not answer inputs of its own shapes (")
    assert said.endswith("); give inputs that it can take with --test") and "{{" not in said
