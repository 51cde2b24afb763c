"""Dense layers over the last of several axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export.formats.tracing.rewrite import Rewrite


def _matmul(original: Callable[..., Any]) -> Callable[..., Any]:
    def matmul(x1: Any, x2: Any) -> Any:
        """`keras.src.backend.tensorflow.numpy.matmul`: the same arguments, the same answers."""
        import tensorflow as tf

        before, after = list(getattr(x1, "shape", [])), list(getattr(x2, "shape", []))
        known = None not in before[1:] and None not in after
        floats = getattr(x1, "dtype", None) == getattr(x2, "dtype", "") == tf.float32
        if len(before) < 3 or len(after) != 2 or not known or not floats:
            return original(x1, x2)
        rows = tf.matmul(tf.reshape(x1, [-1, before[-1]]), x2)
        return tf.reshape(rows, [-1, *before[1:-1], after[1]])

    return matmul


REWRITES = (
    Rewrite(
        "keras.src.backend.tensorflow.numpy",
        "matmul",
        _matmul,
        "TensorFlow makes a chain of a dozen ops that reads the shape at run time, and the tensors after it have no "
        "static one; and tflite-runtime answers wrongly for dense layers of 16 bits over three dimensions",
    ),
)
