"""The architectures of the zoo; every model takes raw values as float32 and gives the meaningful thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from data import Dataset
from train.recipes import Recipe

# A table's outliers (82 standard deviations in California) would take the whole range of a static int8 graph.
CLIP = 5.0


def build(recipe: Recipe, dataset: Dataset) -> keras.Model:
    """Build the untrained model of ``recipe`` for ``dataset``.

    Input ``image`` float32 [n, height, width, channels] or ``rows`` float32 [n, columns], raw values; output
    ``probabilities`` float32 [n, classes] or ``value`` float32 [n, 1] in the dataset's unit.
    """
    inputs = keras.Input(tuple(dataset.input["shape"]), name=dataset.input["name"], dtype="float32")
    scaled = _scaled(inputs, recipe.scaling, dataset)
    features = ARCHITECTURES[recipe.architecture](scaled, recipe)
    if dataset.task == "classification":
        assert dataset.labels is not None
        outputs = layers.Dense(len(dataset.labels), activation="softmax", name="probabilities")(features)
    else:
        # The network works in standard deviations from the mean; the last layer speaks the dataset's unit.
        spread, mean = float(dataset.train.targets.std()), float(dataset.train.targets.mean())
        score = layers.Dense(1, kernel_regularizer=regularizer(recipe.regularizer))(features)
        outputs = layers.Rescaling(spread, offset=mean, name="value")(score)
    return keras.Model(inputs, outputs, name=recipe.model.replace("-", "_"))


def _scaled(inputs: Any, scaling: str, dataset: Dataset) -> Any:
    """Scale raw values inside the model: ``none``, ``unit`` (to [0, 1]) or ``standard`` (and clipped)."""
    if scaling == "none":
        return inputs
    if scaling == "unit":
        return layers.Rescaling(1 / dataset.input["high"])(inputs)
    axis = -1 if dataset.input["kind"] == "table" else None
    normalization = layers.Normalization(axis=axis)
    normalization.adapt(dataset.train.inputs.astype(np.float32))
    return keras.ops.clip(normalization(inputs), -CLIP, CLIP)


def _dense(units: int, recipe: Recipe, **options: Any) -> layers.Dense:
    settings = {
        "activation": recipe.activation,
        "kernel_initializer": recipe.initializer,
        "kernel_regularizer": regularizer(recipe.regularizer),
        "kernel_constraint": recipe.constraint,
    }
    return layers.Dense(units, **{**settings, **options})


def regularizer(words: str | None) -> Any:
    """Turn ``l2=0.01`` (or ``l1=…``, or both with a comma) into a Keras regularizer; None stays None."""
    if words is None:
        return None
    amounts = {name: float(amount) for name, _, amount in (part.partition("=") for part in words.split(","))}
    return keras.regularizers.L1L2(**amounts)


def _lenet5(x: Any, recipe: Recipe) -> Any:
    for filters in (6, 16):
        x = layers.Conv2D(filters, 5, activation=recipe.activation, kernel_initializer=recipe.initializer)(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    for units in (120, 84):
        x = _dense(units, recipe)(x)
    return x


def _small_cnn(x: Any, recipe: Recipe) -> Any:
    for filters in (32, 64):
        x = layers.Conv2D(filters, 3, padding="same", activation=recipe.activation)(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    return _dense(64, recipe)(x)


def _mlp(x: Any, recipe: Recipe) -> Any:
    for units in recipe.hidden:
        x = _dense(units, recipe)(x)
        if recipe.dropout:
            x = layers.Dropout(recipe.dropout)(x)
    return x


ARCHITECTURES: dict[str, Callable[[Any, Recipe], Any]] = {
    "lenet5": _lenet5,
    "small-cnn": _small_cnn,
    "mlp": _mlp,
}
