"""Pooling in three dimensions as two poolings in two: TFLite has no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export.formats.tracing.rewrite import Rewrite
from export.formats.tracing.shapes import channels_first, channels_last, sizes

_BACKEND = "keras.src.backend.tensorflow.nn"
_Numbers = int | tuple[int, ...]


def _pool(original: Callable[..., Any]) -> Callable[..., Any]:
    def pool(
        inputs: Any,
        pool_size: _Numbers,
        strides: _Numbers | None = None,
        padding: str = "valid",
        data_format: str | None = None,
    ) -> Any:
        """`max_pool` and `average_pool`: the same arguments, the same answers.

        The maximum of maxima is the maximum.  The average of averages is the average too: each takes in a whole
        window, or with padding "same" as many values as lie in it along its own dimensions.
        """
        import tensorflow as tf
        from keras import config

        inputs = tf.convert_to_tensor(inputs)
        if len(inputs.shape) != 5:
            return original(inputs, pool_size, strides, padding, data_format)
        if (data_format or config.image_data_format()) == "channels_first":
            return channels_first(pool(channels_last(inputs), pool_size, strides, padding, "channels_last"))
        depth, *plane = _three(pool_size)
        depth_stride, *plane_strides = _three(strides or pool_size)
        return _depth_and_plane(
            inputs,
            lambda x: original(x, (depth, 1), (depth_stride, 1), padding, "channels_last"),
            lambda x: original(x, tuple(plane), tuple(plane_strides), padding, "channels_last"),
        )

    return pool


def _adaptive(original: Callable[..., Any]) -> Callable[..., Any]:
    def adaptive_pool(inputs: Any, output_size: _Numbers, data_format: str | None = None) -> Any:
        """`adaptive_max_pool` and `adaptive_average_pool`: the same arguments, the same answers."""
        import tensorflow as tf
        from keras import config

        inputs = tf.convert_to_tensor(inputs)
        if len(inputs.shape) != 5:
            return original(inputs, output_size, data_format)
        if (data_format or config.image_data_format()) == "channels_first":
            return channels_first(adaptive_pool(channels_last(inputs), output_size, "channels_last"))
        depth, *plane = _three(output_size)
        return _depth_and_plane(
            inputs,
            lambda x: tf.expand_dims(original(tf.squeeze(x, 2), (depth,), "channels_last"), 2),
            lambda x: original(x, tuple(plane), "channels_last"),
        )

    return adaptive_pool


def _depth_and_plane(inputs: Any, depth: Callable[[Any], Any], plane: Callable[[Any], Any]) -> Any:
    """Pools [batch, depth, height, width, channels] over the plane, each slice a row of the batch, then the depth."""
    import tensorflow as tf

    _, slices, height, width, channels = sizes(inputs)
    planes = plane(tf.reshape(inputs, [-1, height, width, channels]))
    _, height, width, _ = sizes(planes)
    lines = depth(tf.reshape(planes, [-1, slices, 1, height * width * channels]))
    return tf.reshape(lines, [-1, sizes(lines)[1], height, width, channels])


def _three(value: _Numbers) -> tuple[int, ...]:
    return (value,) * 3 if isinstance(value, int) else tuple(value)


_WHY = "TFLite pools in two dimensions only"
REWRITES = (
    Rewrite(_BACKEND, "max_pool", _pool, _WHY),
    Rewrite(_BACKEND, "average_pool", _pool, _WHY),
    Rewrite(_BACKEND, "adaptive_max_pool", _adaptive, _WHY, since=(3, 13)),
    Rewrite(_BACKEND, "adaptive_average_pool", _adaptive, _WHY, since=(3, 13)),
)
