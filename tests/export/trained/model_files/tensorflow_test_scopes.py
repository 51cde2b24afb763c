"""Layers and models of any name are traced, and keep their names."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from export.trained.model_files.load import load
from export.trained.model_files.scopes import valid

NAMES = ("first layer", "größe", "a:b", "_hidden", "x (copy)", "日本")


@pytest.mark.parametrize("name", NAMES)
def test_tensorflow_refuses_the_name_and_takes_the_other_one(name):
    with tf.Graph().as_default(), pytest.raises(ValueError, match="is not a valid root scope name"):
        tf.name_scope(name).__enter__()
    with tf.Graph().as_default(), tf.name_scope(valid(name)):
        pass


def test_names_that_tensorflow_takes_stay():
    for name in ("dense_1", "A.b", "9", "block1>conv"):
        assert valid(name) == name


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_and_a_model_of_any_name_are_traced(name, tmp_path):
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name=name)], name=f"{name} ")
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Dense(2, name=f"{name}  ")(inner(x)), name=name)
    model.save(tmp_path / "model.keras")
    loaded = load(tmp_path / "model.keras")
    traced = tf.function(loaded.serve, input_signature=[{"x": tf.TensorSpec((None, 4))}])
    values = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    assert np.allclose(next(iter(traced({"x": values}).values())), model(values), atol=1e-6)
    assert loaded.keras.name == name
    assert [layer.name for layer in loaded.keras.layers] == ["x", f"{name} ", f"{name}  "]
