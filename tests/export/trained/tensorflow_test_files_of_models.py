"""A user's own model in files of each kind: Keras 3, Keras 2, SavedModels by signature."""

import zipfile
from pathlib import Path

import keras
import pytest
import tensorflow as tf
from keras import layers

from runtime.errors import EdgeProofError, ModelError
from tests.export.trained.own_models import dense, refused

KERAS_2 = Path(__file__).with_name("model_files") / "keras2" / "models.zip"
pytestmark = pytest.mark.usefixtures("seeded")


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
