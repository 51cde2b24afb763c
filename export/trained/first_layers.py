"""What a Keras model does first with each of its inputs: it tells what the input is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.trained.keras_graph import ONLY_IN_TRAINING, calls, operations

# Layers and operations that pass numbers on as they are, or only arrange, repeat, choose or mix those of a place.
_PASSES = (
    "InputLayer", "Identity", "Reshape", "Flatten", "Permute", "RepeatVector", "ZeroPadding1D", "ZeroPadding2D",
    "ZeroPadding3D", "Cropping1D", "Cropping2D", "Cropping3D", "CenterCrop", "Resizing", "UpSampling1D",
    "UpSampling2D", "UpSampling3D", "Masking", "Squeeze", "ExpandDims", "Transpose", "Cast",
)  # fmt: skip
# Those that change pictures in training alone, besides all whose names begin with Random.
_AUGMENTS = ("AugMix", "CutMix", "MixUp", "RandAugment")
# Operations that `Embedding(mask_zero=True)` adds beside itself: they find the padding.
_MASKS = ("NotEqual",)
# Layers, and operations of Keras and TensorFlow, that change each number of an input by itself.
_CALCULATES = (
    "Rescaling", "Normalization", "BatchNormalization", "LayerNormalization", "UnitNormalization", "Lambda",
    "Add", "Subtract", "Multiply", "Divide", "TrueDivide", "AddV2", "Sub", "Mul", "RealDiv", "Div",
)  # fmt: skip
# Factors of pixels: 1/255 and 1/127.5, and what is near to them.
_PIXEL_FACTORS = (1 / 300, 1 / 100)
# Where a normalisation expects the colours of photographs: means and standard deviations in 0 to 255.
_PIXEL_MEANS, _PIXEL_DEVIATIONS = (30, 225), (15, 115)
_MOST_STEPS = 50  # through layers that pass numbers on


@dataclass(frozen=True)
class FirstLayers:
    """The layers that compute something with one input before any other does; `first_ops` has those of a SavedModel."""

    layers: tuple[Any, ...] = ()

    @property
    def scaling(self) -> tuple[float, float] | None:
        """Factor and offset of a Rescaling that is the only first layer, for all values alike; None without one."""
        if len(self.layers) != 1 or _kind(self.layers[0]) != "Rescaling":
            return None
        factor, offset = np.asarray(self.layers[0].scale), np.asarray(self.layers[0].offset)
        return (float(factor), float(offset)) if factor.ndim == offset.ndim == 0 else None

    @property
    def calculates(self) -> bool:
        """Whether one of them brings the input to another scale, known or not."""
        return any(
            _kind(layer) in _CALCULATES or getattr(layer, "type", None) in _CALCULATES
            for layer in self.layers
        )

    def takes_pixels(self, shape: tuple[int, ...]) -> bool:
        """Whether they scale whole numbers up to 255, or are normalised for those of colours [height, width, 3]."""
        if self.scaling is not None:
            return _PIXEL_FACTORS[0] <= self.scaling[0] <= _PIXEL_FACTORS[1]
        spread = self.spread(shape) if len(shape) == 3 and shape[-1] == 3 else None
        ranges = (_PIXEL_MEANS, _PIXEL_DEVIATIONS)
        return spread is not None and all(
            low <= values.min() and values.max() <= high
            for values, (low, high) in zip(spread, ranges, strict=True)
        )

    @property
    def highest_number(self) -> int | None:
        """The largest number that every table of embeddings has a row for; None where no table takes the input."""
        sizes = [layer.input_dim for layer in self.layers if _kind(layer) == "Embedding"]
        return min(sizes) - 1 if sizes else None

    @property
    def only_embeddings(self) -> bool:
        """Whether tables of embeddings take the input and nothing else does: then it holds whole numbers."""
        return bool(self.layers) and all(_kind(layer) == "Embedding" for layer in self.layers)

    def spread(self, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """Mean and standard deviation that a normalisation expects of a row of this shape; None without one."""
        for layer in self.layers:
            mean, variance = (_fitting(values, shape) for values in _expected(layer, shape))
            if mean is not None and variance is not None:
                return mean, np.maximum(np.sqrt(variance), 1e-12)
        return None


def _expected(layer: Any, shape: tuple[int, ...]) -> tuple[NDArray[np.float64] | None, ...]:
    """Mean and variance that a normalisation expects; None for each of another layer."""
    if _kind(layer) == "Normalization" and not getattr(layer, "invert", False):
        return tuple(np.asarray(values, np.float64) for values in (layer.mean, layer.variance))
    if _kind(layer) == "BatchNormalization" and layer.axis in (-1, len(shape)):
        return tuple(np.asarray(values, np.float64) for values in (layer.moving_mean, layer.moving_variance))
    return None, None


def first_layers(model: Any) -> tuple[FirstLayers, ...]:
    """For each input of a Keras model with symbolic inputs, in Keras' order."""
    # A layer that was called twice on an input, as those of a Sequential model while it is built, is one.
    found = ({id(layer): layer for layer in _behind(model, symbol, _MOST_STEPS)} for symbol in model.inputs)
    return tuple(FirstLayers(tuple(layers.values())) for layers in found)


def _behind(model: Any, symbol: Any, steps: int) -> Iterator[Any]:
    if not steps:
        return
    for operation in operations(model):
        for call in calls(operation):
            places = [place for place, given in enumerate(call.inputs) if given is symbol]
            if not places:
                continue
            if _is_model(operation):
                for place in places:
                    yield from _behind(operation, operation.inputs[place], steps - 1)
            elif _passes(operation):
                for passed in call.outputs:
                    yield from _behind(model, passed, steps - 1)
            elif _kind(operation) not in _MASKS:
                yield operation


def _is_model(operation: Any) -> bool:
    return bool(operations(operation)) and bool(getattr(operation, "inputs", None))


def _passes(layer: Any) -> bool:
    kind = _kind(layer)
    if kind == "Pipeline":  # of image layers, one after the other
        return all(_passes(inner) for inner in layer.layers)
    return kind in (*_PASSES, *ONLY_IN_TRAINING, *_AUGMENTS) or kind.startswith("Random")


def _kind(layer: Any) -> str:
    return type(layer).__name__


def _fitting(values: NDArray[np.float64] | None, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    """Values that fit to a row of the shape, without the axes of size 1 in front; None where they do not fit."""
    if values is None:
        return None
    while values.ndim > len(shape) and values.shape[0] == 1:
        values = values[0]
    try:
        np.broadcast_to(values, shape)
    except ValueError:
        return None
    return values
