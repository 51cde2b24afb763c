"""Rows of the convolutions: Conv, ConvTranspose, DepthwiseConv, SeparableConv."""

from typing import Any

from bench.layers.row import Row, Values, graph, layer

LINE, PLANE, SPACE = Values((12, 4)), Values((9, 10, 4)), Values((6, 7, 8, 4))
LINE_FIRST, PLANE_FIRST = Values((4, 12)), Values((4, 9, 10))


def _on_gpu(name: str, values: Values, **settings: Any) -> Row:
    """A layer that Keras runs on a GPU only."""
    return layer(name, values, only_rewritten=True, **settings)


ROWS = (
    layer("Conv1D", LINE, filters=6, kernel_size=3),
    layer("Conv1D", LINE, filters=6, kernel_size=3, padding="same", strides=2),
    layer("Conv1D", LINE, filters=6, kernel_size=3, padding="causal", dilation_rate=2),
    layer("Conv1D", LINE, filters=6, kernel_size=3, dilation_rate=3, activation="relu"),
    layer("Conv1D", LINE, filters=6, kernel_size=3, groups=2),
    _on_gpu("Conv1D", LINE_FIRST, filters=6, kernel_size=3, data_format="channels_first"),
    layer("Conv1D", Values((None, 4)), filters=6, kernel_size=3, padding="same"),
    layer("Conv2D", PLANE, filters=6, kernel_size=3),
    layer("Conv2D", PLANE, filters=6, kernel_size=(3, 2), padding="same", strides=2, use_bias=False),
    graph(
        "Conv2D",
        "filters=6, kernel_size=3, called for each input",
        PLANE,
        PLANE,
        outputs=lambda keras, a, b: (lambda made: keras.layers.Subtract()([made(a), made(b)]))(
            keras.layers.Conv2D(6, 3)
        ),
    ),
    layer("Conv2D", PLANE, filters=6, kernel_size=3, dilation_rate=2, activation="relu"),
    layer("Conv2D", PLANE, filters=6, kernel_size=3, padding="same", dilation_rate=(2, 1)),
    layer("Conv2D", PLANE, filters=6, kernel_size=3, groups=2, padding="same", strides=2),
    layer("Conv2D", PLANE, filters=8, kernel_size=3, groups=4),
    layer("Conv2D", PLANE, filters=8, kernel_size=3, groups=2, dilation_rate=2),
    _on_gpu("Conv2D", PLANE_FIRST, filters=6, kernel_size=3, data_format="channels_first"),
    layer(
        "Conv2D",
        PLANE_FIRST,
        filters=6,
        kernel_size=3,
        data_format="channels_first",
        only_rewritten=True,
        padding="same",
        strides=2,
    ),
    layer("Conv3D", SPACE, filters=5, kernel_size=3),
    layer("Conv3D", SPACE, filters=5, kernel_size=(2, 3, 2), padding="same", strides=2),
    layer("Conv3D", SPACE, filters=5, kernel_size=2, dilation_rate=2),
    layer("Conv3D", SPACE, filters=5, kernel_size=2, dilation_rate=(1, 2, 3), padding="same"),
    layer("Conv3D", SPACE, filters=6, kernel_size=2, groups=2),
    layer("Conv3D", Values((4, 6, 7, 8)), filters=5, kernel_size=3, data_format="channels_first"),
    layer("Conv1DTranspose", LINE, filters=5, kernel_size=3),
    layer("Conv1DTranspose", LINE, filters=5, kernel_size=3, padding="same", strides=2),
    layer("Conv1DTranspose", LINE, filters=5, kernel_size=3, dilation_rate=2),
    layer(
        "Conv1DTranspose",
        LINE_FIRST,
        filters=5,
        kernel_size=3,
        strides=2,
        data_format="channels_first",
        only_rewritten=True,
    ),
    layer("Conv2DTranspose", PLANE, filters=5, kernel_size=3),
    layer("Conv2DTranspose", PLANE, filters=5, kernel_size=3, padding="same", strides=2, activation="relu"),
    layer("Conv2DTranspose", PLANE, filters=5, kernel_size=3, strides=2, output_padding=1),
    _on_gpu("Conv2DTranspose", PLANE, filters=5, kernel_size=3, dilation_rate=2),
    layer(
        "Conv2DTranspose",
        PLANE_FIRST,
        filters=5,
        kernel_size=3,
        strides=2,
        data_format="channels_first",
        only_rewritten=True,
    ),
    layer("Conv3DTranspose", SPACE, filters=3, kernel_size=3),
    layer("Conv3DTranspose", SPACE, filters=3, kernel_size=3, padding="same", strides=2),
    layer("DepthwiseConv1D", LINE, kernel_size=3),
    layer("DepthwiseConv1D", LINE, kernel_size=3, padding="same", strides=2, depth_multiplier=2),
    layer("DepthwiseConv1D", LINE, kernel_size=3, dilation_rate=2),
    layer("DepthwiseConv1D", LINE_FIRST, kernel_size=3, data_format="channels_first"),
    layer("DepthwiseConv2D", PLANE, kernel_size=3),
    layer("DepthwiseConv2D", PLANE, kernel_size=3, padding="same", strides=2, depth_multiplier=2),
    layer("DepthwiseConv2D", PLANE, kernel_size=3, padding="same", dilation_rate=2),
    layer("DepthwiseConv2D", PLANE_FIRST, kernel_size=3, data_format="channels_first"),
    layer("SeparableConv1D", LINE, filters=6, kernel_size=3),
    layer("SeparableConv1D", LINE, filters=6, kernel_size=3, padding="same", strides=2, depth_multiplier=2),
    layer("SeparableConv1D", LINE, filters=6, kernel_size=3, dilation_rate=2),
    layer("SeparableConv2D", PLANE, filters=6, kernel_size=3),
    layer("SeparableConv2D", PLANE, filters=6, kernel_size=3, padding="same", strides=2, activation="relu"),
    layer("SeparableConv2D", PLANE, filters=6, kernel_size=3, dilation_rate=2),
)
