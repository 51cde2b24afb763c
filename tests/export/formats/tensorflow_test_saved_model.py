"""The SavedModel that all other variants are converted from. Here, because it needs TensorFlow."""

from contextlib import nullcontext

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from data.trained_model import Source
from export.formats import saved_model
from export.formats.format import Conversion
from export.formats.saved_model import SavedModelBackend
from runtime.bundle.manifest import InputRecord, OutputRecord
from tests.export.formats.records import record, saved

SHAPE_OPS = {"Shape", "StridedSlice", "Pack", "Prod", "ConcatV2"}


def stack():
    return [
        layers.Conv2D(2, 3),
        layers.Reshape((6, 12)),
        layers.Reshape((-1, 4)),
        layers.Flatten(),
        layers.Dense(3),
    ]


def plain():
    return keras.Sequential([keras.Input((8, 8, 1)), *stack()])


def nested():
    """A model in a model in a model, as one with a scaling in front becomes."""
    image = keras.Input((8, 8, 1))
    inner = keras.Sequential([keras.Input((8, 8, 1)), *stack()])
    middle_input = keras.Input((8, 8, 1))
    middle = keras.Model(middle_input, layers.Dense(2)(inner(middle_input)))
    return keras.Model(image, middle(layers.Rescaling(1 / 255)(image)))


def shared():
    """One Flatten for two tensors of different shapes."""
    image, flatten = keras.Input((8, 8, 1)), layers.Flatten()
    return keras.Model(image, layers.Concatenate()([flatten(image), flatten(layers.MaxPooling2D()(image))]))


def convert(model, folder):
    """The signature of the SavedModel, with one input and one output."""
    source, described = saved(model, folder)
    saved_model.float32(Conversion(source, folder / "exported", described))
    serve = tf.saved_model.load(str(folder / "exported")).signatures["serving_default"]
    (taken,), (given,) = described.inputs, described.outputs
    return serve, lambda rows: serve(**{taken.name: tf.constant(rows)})[given.name]


def ops(signature):
    """The kinds of all operations of a graph and of the functions in it."""
    graph = signature.graph.as_graph_def()
    return {node.op for node in graph.node} | {
        node.op for function in graph.library.function for node in function.node_def
    }


@pytest.mark.parametrize("build", [plain, nested, shared])
def test_flatten_and_reshape_leave_only_the_batch_open_at_any_depth(build, tmp_path):
    keras.utils.set_random_seed(1)
    model = build()
    images = np.random.default_rng(1).uniform(0, 255, (4, 8, 8, 1)).astype(np.float32)
    serve, answer = convert(model, tmp_path)
    assert np.allclose(answer(images), model.predict(images, verbose=0), atol=1e-4)
    wanted = {"ConcatV2"} if build is shared else set()
    assert ops(serve) & SHAPE_OPS == wanted


def test_without_the_replacement_the_batch_is_read_at_run_time(tmp_path, monkeypatch):
    monkeypatch.setattr(saved_model, "exportable", nullcontext)
    assert {"Shape", "Pack"} <= ops(convert(plain(), tmp_path)[0])


def test_a_channels_first_flatten_still_moves_its_channels(tmp_path):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Flatten("channels_first")])
    images = np.random.default_rng(1).uniform(0, 1, (2, 8, 8, 1)).astype(np.float32)
    _, answer = convert(model, tmp_path)
    assert np.allclose(answer(images), model.predict(images, verbose=0), atol=1e-5)


def test_several_tensors_are_bound_by_their_public_names(tmp_path):
    """Keras sorts a dict's keys, and names of its own are not the public ones."""
    words, table = keras.Input((4,), dtype="int32", name="a"), keras.Input((3,), name="z")
    mean = layers.GlobalAveragePooling1D()(layers.Embedding(9, 2)(words))
    model = keras.Model({"z": table, "a": words}, {"sum": layers.Add()([table[:, :2], mean]), "same": table})
    model.save(tmp_path / "model.keras")
    described = record(
        [InputRecord("tensor", "table", (3,), "float"), InputRecord("tensor", "words", (4,), "int32")],
        [OutputRecord("same", (3,), "tensor"), OutputRecord("total", (2,), "tensor")],
        Source(names={"table": "z", "words": "a", "total": "sum"}),
    )
    saved_model.float32(Conversion(tmp_path, tmp_path / "exported", described))
    random = np.random.default_rng(1)
    feeds = {
        "words": random.integers(0, 9, (5, 4)).astype(np.int32),
        "table": random.normal(size=(5, 3)).astype(np.float32),
    }
    answers = SavedModelBackend(tmp_path / "exported").run(feeds)
    wanted = model({"z": feeds["table"], "a": feeds["words"]})
    assert set(answers) == {"same", "total"}
    np.testing.assert_array_equal(answers["same"], feeds["table"])
    np.testing.assert_allclose(answers["total"], wanted["sum"], atol=1e-6)


class Foreign(tf.Module):
    """Not Keras': a variable, and a lookup table that the signature does not use."""

    def __init__(self):
        super().__init__()
        self.weights = tf.Variable(np.arange(6, dtype=np.float32).reshape(3, 2))
        keys = tf.lookup.KeyValueTensorInitializer(["a"], [1])
        self.table = tf.lookup.StaticHashTable(keys, -1)

    @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, name="rows")])
    def serve(self, rows):
        return {"value": tf.matmul(rows, self.weights)}


def test_of_a_foreign_saved_model_only_the_variables_that_are_used_are_written(tmp_path):
    module = Foreign()
    tf.saved_model.save(module, str(tmp_path / "saved_model"), signatures={"serving_default": module.serve})
    described = record(
        [InputRecord("tensor", "rows", (3,), "float")],
        [OutputRecord("value", (2,), "tensor")],
        Source(file="saved_model"),
    )
    saved_model.float32(Conversion(tmp_path, tmp_path / "exported", described))
    rows = np.eye(3, dtype=np.float32)
    found = SavedModelBackend(tmp_path / "exported").run({"rows": rows})["value"]
    np.testing.assert_array_equal(found, module.weights.numpy())
    content = (tmp_path / "exported" / "saved_model.pb").read_bytes()
    assert (
        b"HashTable" not in content and b"HashTable" in (tmp_path / "saved_model/saved_model.pb").read_bytes()
    )
