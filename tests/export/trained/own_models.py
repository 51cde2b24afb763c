"""Small models of a user's own, and what is said where one of them is refused."""

from pathlib import Path

import keras
import pytest
from keras import layers

from export.trained.register import register
from export.trained.user_model import UserModel
from runtime.errors import UsageError


def saved(model, folder):
    """The path of a model, which may be one already."""
    if isinstance(model, Path):
        return model
    model.save(path := folder / "own.keras")
    return path


def refused(tmp_path, model, error=UsageError, **said):
    path = saved(model, tmp_path)
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
