"""Images resized by any interpolation: both engines know two of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from export.formats.tracing.rewrite import Rewrite
from export.formats.tracing.shapes import channels_first, channels_last

_ENGINES_KNOW = ("bilinear", "nearest")


def _resize(original: Callable[..., Any]) -> Callable[..., Any]:
    def resize(
        images: Any,
        size: tuple[int, int],
        interpolation: str = "bilinear",
        antialias: bool = False,
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        data_format: str | None = None,
    ) -> Any:
        """`keras.src.backend.tensorflow.image.resize`: the same arguments, the same answers."""
        import tensorflow as tf
        from keras import config

        images = tf.convert_to_tensor(images)
        first = (data_format or config.image_data_format()) == "channels_first"
        if len(images.shape) != 4 or None in images.shape[2:] + images.shape[1:2]:
            return original(
                images, size, interpolation, antialias, crop_to_aspect_ratio, pad_to_aspect_ratio, fill_mode,
                fill_value, data_format,
            )  # fmt: skip
        images = channels_last(images) if first else images
        if crop_to_aspect_ratio:
            images = _cropped(images, size)
        elif pad_to_aspect_ratio:
            images = _padded(images, size, fill_value)
        if interpolation in _ENGINES_KNOW and not antialias:
            made = original(images, size, interpolation, data_format="channels_last")
        else:
            made = _by_matrices(images, size, interpolation, antialias)
        return channels_first(made) if first else made

    return resize


def _by_matrices(images: Any, size: tuple[int, int], interpolation: str, antialias: bool) -> Any:
    """Every new row is a weighted sum of the rows, and every new column one of the columns."""
    import tensorflow as tf

    def matrix(old: int, new: int) -> Any:
        """[old, new]: what becomes of each unit vector, by TensorFlow itself."""
        with tf.init_scope():
            units = np.eye(old, dtype=np.float32)[:, :, None, None]
            return tf.image.resize(units, (new, 1), interpolation, antialias=antialias)[:, :, 0, 0].numpy()

    rows = tf.transpose(tf.cast(images, tf.float32), [0, 2, 3, 1])
    rows = tf.matmul(rows, matrix(rows.shape[-1], size[0]))
    columns = tf.transpose(rows, [0, 3, 2, 1])
    columns = tf.matmul(columns, matrix(columns.shape[-1], size[1]))
    return tf.transpose(columns, [0, 1, 3, 2])


def _cropped(images: Any, size: tuple[int, int]) -> Any:
    """The middle of the images that has the new size's ratio."""
    height, width = images.shape[1:3]
    kept = (
        max(1, min(height, _ratio(width * size[0], size[1]))),
        max(1, min(width, _ratio(height * size[1], size[0]))),
    )
    top, left = ((old - new) // 2 for old, new in zip((height, width), kept, strict=True))
    return images[:, top : top + kept[0], left : left + kept[1], :]


def _padded(images: Any, size: tuple[int, int], value: float) -> Any:
    """The images with a rim that gives them the new size's ratio."""
    import tensorflow as tf

    height, width = images.shape[1:3]
    above = (max(height, _ratio(width * size[0], size[1])) - height) // 2
    left = (max(width, _ratio(height * size[1], size[0])) - width) // 2
    return tf.pad(images, [[0, 0], [above] * 2, [left] * 2, [0, 0]], constant_values=value)


def _ratio(product: int, size: int) -> int:
    return int(np.float32(product) / np.float32(size))  # rounded as Keras does


REWRITES = (
    Rewrite(
        "keras.src.backend.tensorflow.image",
        "resize",
        _resize,
        "TFLite resizes images bilinearly and to the nearest pixel alone, without antialiasing, and tf2onnx takes no "
        "branch that depends on the size",
    ),
)
