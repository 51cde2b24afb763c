"""The original at work: raw values go in and answers come out, by the names of the record.

What stands between the raw values and the model's own inputs is computed here alone: the SavedModel, from which every
other file is made, traces the same function that gives the golden and the reference answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from data.dataset import Arrays
from data.original import Original
from data.trained_model import Source
from export.chunks import chunk_rows
from export.trained.model_files.build import Symbolic
from export.trained.model_files.load import load
from export.trained.model_files.loaded import LoadedModel
from runtime.bundle.manifest import InputRecord, OutputRecord

# What pixels from 0 to 255 are divided by, and what is then subtracted and divided by, for each channel or for all.
SCALINGS: dict[str, tuple[float, tuple[float, ...], tuple[float, ...]]] = {
    "0-1": (255.0, (0.0,), (1.0,)),
    "-1-1": (127.5, (1.0,), (1.0,)),
    "imagenet": (255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@dataclass(frozen=True)
class OriginalModel:
    """A trained model, for inference, under the public names of its inputs and outputs.

    Attributes:
        loaded: the model under its own names.
        inputs: what it takes, raw.
        outputs: what it gives.
        source: the model's own names, and the scaling of pixels.
    """

    loaded: LoadedModel
    inputs: tuple[InputRecord, ...]
    outputs: tuple[OutputRecord, ...]
    source: Source

    @property
    def keras(self) -> Any:
        """The Keras model; None for a SavedModel."""
        return self.loaded.keras

    def with_keras(self, model: Any) -> OriginalModel:
        """The same with another Keras model of the same inputs and outputs, as one with other weights."""
        names = (tuple(tensor.name for tensor in ends) for ends in (self.loaded.inputs, self.loaded.outputs))
        return replace(self, loaded=replace(self.loaded, keras=model, serve=Symbolic(model, *names).serve))

    def serve(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """The answers to one batch as tensors, in the dtypes that all files have at their edge; it can be traced.

        Args:
            tensors: by input name, [n, …shape] of `InputRecord.tensor`, pixels raw.

        Returns:
            By output name, [n, …shape] of `OutputRecord.tensor`.
        """
        import tensorflow as tf

        answers = self.loaded.serve(self.feed(tensors))
        given = {}
        for output in self.outputs:
            answer = tf.cast(answers[self._own(output.name)], output.dtype)
            # An image rebuilt has the axis of channels that its record has, even where the model's own has none.
            answer = tf.expand_dims(answer, -1) if answer.shape.rank == len(output.shape) else answer
            answer.set_shape((None, *output.shape))
            given[output.name] = answer
        return given

    def feed(self, tensors: Mapping[str, Any]) -> dict[str, Any]:
        """What the model itself is given for such tensors: by its own names, in its own dtypes, pixels scaled."""
        import tensorflow as tf

        own = {tensor.name: tensor for tensor in self.loaded.inputs}
        found = {}
        for taken in self.inputs:
            wanted = own[self._own(taken.name)]
            values = tensors[taken.name]
            if taken.kind == "image":
                values = scaled(values, self.source.pixels.get(taken.name))
                values = tf.squeeze(values, -1) if len(wanted.shape) == len(taken.shape) else values
            found[wanted.name] = tf.cast(
                values, wanted.dtype
            )  # tensors all: Keras takes no mixture with arrays
        return found

    def _own(self, name: str) -> str:
        return self.source.names.get(name, name)

    def call(self, arrays: Mapping[str, np.ndarray]) -> Arrays:
        """The answers to raw values, a few rows at a time.

        Args:
            arrays: raw values by input name, [n, …shape] each.

        Returns:
            By output name, [n, …shape] in the output's dtype.
        """
        feed = self.edge(arrays)
        rows = len(next(iter(feed.values())))
        size = chunk_rows(max(math.prod(taken.shape) for taken in self.inputs))
        answers = [
            self._traced({name: values[start : start + size] for name, values in feed.items()})
            for start in range(0, rows, size)
        ]
        return {
            output.name: np.concatenate([np.asarray(answer[output.name]) for answer in answers])
            for output in self.outputs
        }

    def edge(self, arrays: Mapping[str, np.ndarray]) -> Arrays:
        """Raw values as the arrays that `serve` takes."""
        return {
            taken.name: np.asarray(arrays[taken.name]).astype(taken.tensor.dtype, copy=False)
            for taken in self.inputs
        }

    @cached_property
    def _traced(self) -> Any:
        """`serve` as a TensorFlow function, which is several times as fast as Keras' layers one by one."""
        import tensorflow as tf

        specs = {
            taken.name: tf.TensorSpec(taken.tensor.shape, taken.tensor.dtype, name=taken.name)
            for taken in self.inputs
        }
        return tf.function(self.serve, input_signature=[specs]).get_concrete_function()


def scaled(pixels: Any, scaling: str | None) -> Any:
    """Pixels, float32 [n, height, width, channels] from 0 to 255, as a model was trained on; None leaves them raw."""
    if scaling is None:
        return pixels
    most, mean, spread = SCALINGS[scaling]
    values = pixels / most if mean == (0.0,) else pixels / most - np.asarray(mean, np.float32)
    return values if spread == (1.0,) else values / np.asarray(spread, np.float32)


def open_original(original: Original) -> OriginalModel:
    """The trained model in a folder, ready to answer; any batch is taken, as every exported file takes it.

    Raises:
        ModelError: the model cannot be loaded.
        UsageError: one of its custom objects cannot be imported.
    """
    record = original.record
    source = record.source
    loaded = load(original.model, source.custom_objects, source.signature, source.shapes, free_batch=True)
    return OriginalModel(loaded, record.inputs, record.outputs, source)
