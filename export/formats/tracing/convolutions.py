"""Convolutions: groups, dilations in three dimensions, channels in front, transposed ones that leave a rim."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export.formats.tracing.rewrite import Rewrite
from export.formats.tracing.shapes import channels_first, channels_last, sizes

_BACKEND = "keras.src.backend.tensorflow.nn"
_Numbers = int | tuple[int, ...]


def _conv(original: Callable[..., Any]) -> Callable[..., Any]:
    def conv(
        inputs: Any,
        kernel: Any,
        strides: _Numbers = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: _Numbers = 1,
    ) -> Any:
        """`keras.src.backend.tensorflow.nn.conv`: the same arguments, the same answers."""
        import tensorflow as tf
        from keras import config
        from keras.src.backend.tensorflow import nn

        inputs, kernel = tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel)
        rank = len(inputs.shape) - 2
        if (data_format or config.image_data_format()) == "channels_first":
            made = conv(channels_last(inputs), kernel, strides, padding, "channels_last", dilation_rate)
            return channels_first(made)
        dilations = _each(dilation_rate, rank)
        if rank == 3 and max(dilations) > 1:
            return conv(inputs, _dilated(kernel, dilations), strides, padding, "channels_last")
        groups = inputs.shape[-1] // kernel.shape[-2]
        if groups == 1:
            return original(inputs, kernel, strides, padding, "channels_last", dilation_rate)
        steps = _each(strides, rank)
        if kernel.shape[-2] == 1 and rank < 3 and len(set(steps)) == 1:
            # A group for each channel: one depthwise convolution, instead of hundreds of convolutions of one channel.
            weights = tf.reshape(kernel, [*kernel.shape[:-2], groups, kernel.shape[-1] // groups])
            return nn.depthwise_conv(inputs, weights, steps, padding, "channels_last", dilations)
        parts = zip(tf.split(inputs, groups, -1), tf.split(kernel, groups, -1), strict=True)
        return tf.concat(
            [original(x, weights, strides, padding, "channels_last", dilation_rate) for x, weights in parts],
            -1,
        )

    return conv


def _conv_transpose(original: Callable[..., Any]) -> Callable[..., Any]:
    def conv_transpose(
        inputs: Any,
        kernel: Any,
        strides: _Numbers = 1,
        padding: str = "valid",
        output_padding: _Numbers | None = None,
        data_format: str | None = None,
        dilation_rate: _Numbers = 1,
    ) -> Any:
        """`keras.src.backend.tensorflow.nn.conv_transpose`: the same arguments, the same answers."""
        import tensorflow as tf
        from keras import config
        from keras.src.backend.common.backend_utils import compute_conv_transpose_output_shape

        inputs, kernel = tf.convert_to_tensor(inputs), tf.convert_to_tensor(kernel)
        rank = len(inputs.shape) - 2
        if (data_format or config.image_data_format()) == "channels_first":
            made = conv_transpose(
                channels_last(inputs),
                kernel,
                strides,
                padding,
                output_padding,
                "channels_last",
                dilation_rate,
            )
            return channels_first(made)
        kernel = _dilated(kernel, _each(dilation_rate, rank))
        settings = kernel.shape[:rank], kernel.shape[-2], strides, padding, output_padding
        rim = _rim(rank, *settings)
        if not any(rim):
            return original(inputs, kernel, strides, padding, output_padding, "channels_last")
        shape = compute_conv_transpose_output_shape(sizes(inputs), *settings)
        reached = [size - width for size, width in zip(shape, (0, *rim, 0), strict=True)]
        made = tf.nn.conv_transpose(inputs, kernel, reached, strides, padding.upper())
        return tf.pad(made, [[0, width] for width in (0, *rim, 0)])

    return conv_transpose


def _rim(rank: int, kernel: Any, filters: int, strides: _Numbers, *settings: Any) -> list[int]:
    """How many rows and columns of zeros lie behind what the kernel reaches; the same for every size of the input.

    tf2onnx writes them as negative paddings, which ONNX does not allow.
    """
    from keras.src.backend.common.backend_utils import compute_conv_transpose_output_shape

    two = compute_conv_transpose_output_shape([1, *[2] * rank, 1], kernel, filters, strides, *settings)
    reached = (stride + width for stride, width in zip(_each(strides, rank), kernel, strict=True))
    return [max(0, size - reach) for size, reach in zip(two[1:-1], reached, strict=True)]


def _dilated(kernel: Any, rates: tuple[int, ...]) -> Any:
    """The kernel with zeros between its weights: one of dilation 1 that reaches as far."""
    import tensorflow as tf

    for axis, rate in enumerate(rates):
        if rate > 1:
            before, size, after = kernel.shape[:axis], kernel.shape[axis], kernel.shape[axis + 1 :]
            apart = tf.reshape(kernel, [*before, size, 1, *after])
            padding = [[0, rate - 1] if place == axis + 1 else [0, 0] for place in range(len(apart.shape))]
            wide = tf.reshape(tf.pad(apart, padding), [*before, size * rate, *after])
            kernel = tf.gather(wide, range((size - 1) * rate + 1), axis=axis)
    return kernel


def _each(value: _Numbers, rank: int) -> tuple[int, ...]:
    return (value,) * rank if isinstance(value, int) else tuple(value)


REWRITES = (
    Rewrite(
        _BACKEND,
        "conv",
        _conv,
        "TFLite has no dilated convolution in three dimensions and no grouped one, ONNX gets a call of a function "
        "compiled by XLA for groups, and TensorFlow itself has no convolution with channels in front on a CPU",
    ),
    Rewrite(
        _BACKEND,
        "conv_transpose",
        _conv_transpose,
        "TensorFlow has no dilated transposed convolution and none with channels in front on a CPU, and tf2onnx "
        "writes a negative padding where the output is larger than what the kernel reaches",
    ),
)
