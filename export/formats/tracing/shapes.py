"""Shapes that do not depend on the batch, for Flatten and Reshape and for the other rewrites."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from export.formats.tracing.rewrite import Rewrite


def sizes(value: Any) -> list[Any]:
    """A tensor's shape: numbers where they are known, else what the graph finds."""
    import tensorflow as tf

    return [tf.shape(value)[axis] if size is None else size for axis, size in enumerate(value.shape)]


def channels_last(value: Any) -> Any:
    """[batch, channels, …] as [batch, …, channels]."""
    import tensorflow as tf

    return tf.transpose(value, [0, *range(2, len(value.shape)), 1])


def channels_first(value: Any) -> Any:
    """[batch, …, channels] as [batch, channels, …]."""
    import tensorflow as tf

    return tf.transpose(value, [0, len(value.shape) - 1, *range(1, len(value.shape) - 1)])


def _flatten(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, inputs: Any) -> Any:
        from keras import ops

        known = inputs.shape[1:]
        if any(size is None for size in known) or self.data_format == "channels_first":
            return original(self, inputs)
        return ops.reshape(inputs, (-1, math.prod(known)))

    return call


def _reshape(original: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, inputs: Any) -> Any:
        from keras import ops

        if any(size is None for size in inputs.shape[1:]):
            return original(self, inputs)
        return ops.reshape(inputs, (-1, *self.compute_output_shape(inputs.shape)[1:]))

    return call


def _repeat(original: Callable[..., Any]) -> Callable[..., Any]:
    def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
        """`keras.src.backend.tensorflow.numpy.repeat`: the same arguments, the same answers."""
        import tensorflow as tf

        x = tf.convert_to_tensor(x)
        size = None if axis is None else x.shape[axis]
        if size is None or not isinstance(repeats, int):
            return original(x, repeats, axis)
        places = [place for place in range(size) for _ in range(repeats)]
        return tf.gather(x, tf.constant(places, tf.int32), axis=axis)

    return repeat


_WHY = (
    "Keras reads the batch size from the tensor's shape at run time; in the graph this is a chain of four TFLite or "
    "six ONNX ops, and the tensors after it have no static shape, which costs the delegates"
)
REWRITES = (
    Rewrite("keras.layers", "Flatten.call", _flatten, _WHY),
    Rewrite("keras.layers", "Reshape.call", _reshape, _WHY),
    Rewrite(
        "keras.src.backend.tensorflow.numpy",
        "repeat",
        _repeat,
        "TensorFlow repeats values by a shape that it reads at run time, and the tensors after it have no static one",
    ),
)
