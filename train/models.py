"""Untrained models from recipes: they take raw values as float32 and give the meaningful thing."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from data import Dataset
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import UsageError
from train import keras_objects, piecewise_linear
from train.architectures import ARCHITECTURES
from train.batches import alone
from train.recipe import SCALINGS, Recipe

# A table's outliers (82 standard deviations in California) would take the whole range of a static int8 graph.
CLIP = 5.0


def build(recipe: Recipe, dataset: Dataset) -> keras.Model:
    """Builds the untrained model of `recipe` for `dataset`.

    Returns:
        A model that takes the dataset's raw inputs by name, images and other numbers as float32, words as they are, and
        gives the dataset's outputs and those that the architecture adds: probabilities, values in their units, images.

    Raises:
        UsageError: the recipe names a scaling, or an object of Keras, that does not exist.
    """
    inputs = {
        taken.name: keras.Input(taken.shape, name=taken.name, dtype=taken.tensor.dtype)
        for taken in dataset.inputs
    }
    scaled = {
        taken.name: _scaled(inputs[taken.name], taken, recipe, dataset.train.inputs[taken.name])
        for taken in dataset.inputs
    }
    features = ARCHITECTURES[recipe.architecture](alone(scaled), recipe)
    outputs = features if isinstance(features, dict) else {}
    for output in dataset.outputs:
        if output.name not in outputs:
            outputs[output.name] = _head(features, output, recipe, dataset.train.targets.get(output.name))
    return keras.Model(alone(inputs), alone(outputs), name=recipe.model.replace("-", "_"))


def _head(features: Any, output: OutputRecord, recipe: Recipe, targets: NDArray[Any] | None) -> Any:
    """The layers between features and an output of the dataset."""
    if output.task == "classification":
        return layers.Dense(output.shape[-1], activation="softmax", name=output.name)(features)
    if output.task in ("binary", "multilabel"):
        return layers.Dense(output.shape[-1], activation="sigmoid", name=output.name)(features)
    if output.task == "regression" and targets is not None:
        # The network works in standard deviations from the mean; the last layer speaks the dataset's unit.
        spread, mean = float(targets.std()), float(targets.mean())
        score = layers.Dense(
            output.shape[-1], kernel_regularizer=keras_objects.regularizer(recipe.regularizer)
        )(features)
        return layers.Rescaling(spread, offset=mean, name=output.name)(score)
    raise UsageError(
        f"the architecture {recipe.architecture} gives no output {output.name}; choose another one"
    )


def _scaled(inputs: Any, taken: InputRecord, recipe: Recipe, rows: NDArray[Any]) -> Any:
    """Scales raw values inside the model as the recipe says, by the statistics of the training split."""
    scaling = recipe.scaling
    if taken.kind == "text":
        assert taken.high is not None, "the numbers of words have a highest"
        return layers.Embedding(int(taken.high) + 1, recipe.embedding)(inputs)
    if scaling == "none":
        return inputs
    if scaling not in SCALINGS:
        raise UsageError(f"unknown scaling {scaling!r}; known: {', '.join(SCALINGS)}")
    if taken.kind != "table":
        if scaling == "bins":
            raise UsageError("scaling 'bins' is for tables; images take none, unit, standard")
        if scaling == "unit":
            return layers.Rescaling(1 / (taken.high or float(np.abs(rows).max())))(inputs)
        spread, mean = float(rows.std()), float(rows.mean())
        return layers.Rescaling(1 / spread, offset=-mean / spread)(inputs)
    if scaling == "bins":
        assert taken.columns is not None, "a table input has columns"
        return piecewise_linear.encode(inputs, rows.astype(np.float32), taken.columns)
    if scaling == "unit":
        low, high = rows.min(axis=0), rows.max(axis=0)
        return layers.Rescaling((1 / (high - low)).tolist(), offset=(-low / (high - low)).tolist())(inputs)
    normalization = layers.Normalization()
    normalization.adapt(rows.astype(np.float32))
    return keras.ops.clip(normalization(inputs), -CLIP, CLIP)
