"""The SavedModel that all other variants are converted from. Here, because it needs TensorFlow."""

from contextlib import nullcontext

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from export.formats import saved_model
from export.formats.format import Conversion

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
    model.save(folder / "model.keras")
    saved_model.float32(
        Conversion(folder / "model.keras", folder / "saved_model", "image", (8, 8, 1), "values")
    )
    return tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]


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
    serve = convert(model, tmp_path)
    assert np.allclose(
        serve(image=tf.constant(images))["values"], model.predict(images, verbose=0), atol=1e-4
    )
    wanted = {"ConcatV2"} if build is shared else set()
    assert ops(serve) & SHAPE_OPS == wanted


def test_without_the_replacement_the_batch_is_read_at_run_time(tmp_path, monkeypatch):
    monkeypatch.setattr(saved_model, "exportable", nullcontext)
    assert {"Shape", "Pack"} <= ops(convert(plain(), tmp_path))


def test_a_channels_first_flatten_still_moves_its_channels(tmp_path):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(2, 3), layers.Flatten("channels_first")])
    images = np.random.default_rng(1).uniform(0, 1, (2, 8, 8, 1)).astype(np.float32)
    found = convert(model, tmp_path)(image=tf.constant(images))["values"]
    assert np.allclose(found, model.predict(images, verbose=0), atol=1e-5)
