"""Untrained models from recipes: they take raw values as float32 and give the meaningful thing."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from data import Dataset
from runtime.errors import UsageError
from train import keras_objects, piecewise_linear
from train.architectures import ARCHITECTURES
from train.recipe import SCALINGS, Recipe

# A table's outliers (82 standard deviations in California) would take the whole range of a static int8 graph.
CLIP = 5.0


def build(recipe: Recipe, dataset: Dataset) -> keras.Model:
    """Build the untrained model of `recipe` for `dataset`.

    Returns:
        A model that takes raw values, `image` float32 [n, height, width, channels] or `rows` float32 [n, columns],
        and gives `probabilities` float32 [n, classes], or `value` float32 [n, 1] in the dataset's unit.

    Raises:
        UsageError: the recipe names a scaling, or an object of Keras, that does not exist.
    """
    inputs = keras.Input(dataset.input.shape, name=dataset.input.name, dtype="float32")
    features = ARCHITECTURES[recipe.architecture](_scaled(inputs, recipe.scaling, dataset), recipe)
    if dataset.task == "classification":
        assert dataset.labels is not None
        outputs = layers.Dense(len(dataset.labels), activation="softmax", name="probabilities")(features)
    else:
        # The network works in standard deviations from the mean; the last layer speaks the dataset's unit.
        spread, mean = float(dataset.train.targets.std()), float(dataset.train.targets.mean())
        score = layers.Dense(1, kernel_regularizer=keras_objects.regularizer(recipe.regularizer))(features)
        outputs = layers.Rescaling(spread, offset=mean, name="value")(score)
    return keras.Model(inputs, outputs, name=recipe.model.replace("-", "_"))


def _scaled(inputs: Any, scaling: str, dataset: Dataset) -> Any:
    """Scale raw values inside the model as the recipe says, by the statistics of the training split."""
    if scaling == "none":
        return inputs
    rows = dataset.train.inputs
    if scaling not in SCALINGS:
        raise UsageError(f"unknown scaling {scaling!r}; known: {', '.join(SCALINGS)}")
    if dataset.input.kind == "image":
        if scaling == "bins":
            raise UsageError("scaling 'bins' is for tables; images take none, unit, standard")
        if scaling == "unit":
            assert dataset.input.high is not None, "an image input has bounds"
            return layers.Rescaling(1 / dataset.input.high)(inputs)
        spread, mean = float(rows.std()), float(rows.mean())
        return layers.Rescaling(1 / spread, offset=-mean / spread)(inputs)
    if scaling == "bins":
        assert dataset.input.columns is not None, "a table input has columns"
        return piecewise_linear.encode(inputs, rows.astype(np.float32), dataset.input.columns)
    if scaling == "unit":
        low, high = rows.min(axis=0), rows.max(axis=0)
        return layers.Rescaling((1 / (high - low)).tolist(), offset=(-low / (high - low)).tolist())(inputs)
    normalization = layers.Normalization()
    normalization.adapt(rows.astype(np.float32))
    return keras.ops.clip(normalization(inputs), -CLIP, CLIP)
