"""Models that are hard to quantize: trained ones, changed so that their answers stay and few bits do not suffice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

LARGE = 1024.0
_SEED = 3


@dataclass(frozen=True)
class Case:
    """One case: what it is, the trained models it can be made of, and how.

    Attributes:
        title: what is hard about it.
        models: names of trained models, one with downloaded data and one with data that come with scikit-learn.
        change: makes it of the Keras model, which it may change.
        wide: whether the labels become their exponentials, as the answers do.
    """

    title: str
    models: tuple[str, str]
    change: Callable[[Any], Any]
    wide: bool = False


def large_channel(model: Any) -> Any:
    """One channel of the first convolution is 1,024 times as large, and the weights behind it as much smaller."""
    first, second = (layer for layer in model.layers if layer.__class__.__name__ == "Conv2D")
    kernel, bias = (np.array(variable.numpy()) for variable in (first.kernel, first.bias))
    behind = np.array(second.kernel.numpy())
    largest = int(np.abs(kernel).max(axis=(0, 1, 2)).argmax())
    kernel[..., largest] *= LARGE
    bias[largest] *= LARGE
    behind[:, :, largest] /= LARGE
    first.set_weights([kernel, bias])
    second.kernel.assign(behind)
    return model


def raw_columns(model: Any) -> Any:
    """The standardisation is multiplied into the first dense layer, which takes raw columns then."""
    import keras

    normalization = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    dense = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dense))
    mean, spread = np.array(normalization.mean)[0], np.sqrt(np.array(normalization.variance))[0]
    kernel, bias = (np.array(array, np.float64) for array in dense.get_weights())
    kernel /= spread[:, np.newaxis]
    dense.set_weights([kernel.astype(np.float32), (bias - mean @ kernel).astype(np.float32)])
    taken = keras.Input(model.inputs[0].shape[1:], name=model.inputs[0].name)
    made = taken
    for layer in model.layers[model.layers.index(dense) :]:
        made = layer(made)
    return keras.Model(taken, made)


def wide_output(model: Any) -> Any:
    """A regressor gives the exponential of its value: most answers lie in a small part of their range."""
    import keras

    value = keras.layers.Rescaling(1 / _scale(model), name="narrow")(model.outputs[0])
    return keras.Model(model.inputs, keras.layers.Activation("exponential", name="wide")(value))


def widened(model: Any, values: np.ndarray) -> np.ndarray:
    """What the labels of the model that was made wide are."""
    found: np.ndarray = np.exp(values / _scale(model))
    return found


def _scale(model: Any) -> float:
    """What values are divided by before the exponential: the spread of the labels that it was trained with."""
    import keras

    last = next(layer for layer in reversed(model.layers) if isinstance(layer, keras.layers.Rescaling))
    return float(np.max(last.scale)) / 1.2


def common_offset(model: Any) -> Any:
    """All logits have a large part in common, which softmax does not see and eight bits are spent on."""
    last = model.layers[-1]
    kernel, bias = last.get_weights()
    common = np.random.default_rng(_SEED).normal(size=(kernel.shape[0], 1)) * np.abs(kernel).max() * 8
    last.set_weights([(kernel + common).astype(np.float32), bias])
    return model


def unchanged(model: Any) -> Any:
    """The model as it is."""
    return model


IMAGES, TABLES = ("mnist-cnn", "digits-cnn"), ("california-mlp", "diabetes-mlp")
CASES = {
    "large-channel": Case("one channel is 1,024 times the others", IMAGES, large_channel),
    "common-offset": Case("the last layer carries the whole error", IMAGES, common_offset),
    "raw-columns": Case("raw columns, standardised by the first layer's weights", TABLES, raw_columns),
    "wide-output": Case("a regressor whose answers span orders of magnitude", TABLES, wide_output, wide=True),
    "deep-selu": Case("20 layers of selu", ("fashion-deep-selu", "fashion-deep-selu"), unchanged),
}
