"""The place of the largest and of the smallest value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export.formats.tracing.rewrite import Rewrite


def _place(find: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def replacement(original: Callable[..., Any]) -> Callable[..., Any]:
        def place(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
            """`argmax` and `argmin` of `keras.src.backend.tensorflow.numpy`: the same arguments, the same answers.

            Keras orders -0.0 before 0.0, which its test of the sign bit tells apart; here they are equal.
            """
            import tensorflow as tf

            x = tf.convert_to_tensor(x)
            flat = tf.reshape(x, [-1]) if axis is None else x
            found = getattr(tf, find)(flat, axis=axis or 0, output_type=tf.int32)
            if not keepdims:
                return found
            return tf.reshape(found, [1] * len(x.shape)) if axis is None else tf.expand_dims(found, axis)

        return place

    return replacement


_BACKEND = "keras.src.backend.tensorflow.numpy"
_WHY = "Keras looks at the sign bit by a bitwise operation, which TFLite does not have"
REWRITES = (
    Rewrite(_BACKEND, "argmax", _place("argmax"), _WHY),
    Rewrite(_BACKEND, "argmin", _place("argmin"), _WHY),
)
