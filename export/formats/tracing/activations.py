"""Activations of ops that one of the converters does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export.formats.tracing.rewrite import Rewrite

_BACKEND = "keras.src.backend.tensorflow.nn"


def _gelu(original: Callable[..., Any]) -> Callable[..., Any]:
    def gelu(x: Any, approximate: bool = True) -> Any:
        """`keras.src.backend.tensorflow.nn.gelu`, Hendrycks and Gimpel 2016: x · Φ(x)."""
        import tensorflow as tf

        x = tf.convert_to_tensor(x)
        if approximate:
            return original(x, approximate=True)
        return 0.5 * x * (1.0 + tf.math.erf(x * 0.7071067811865476))

    return gelu


def _celu(original: Callable[..., Any]) -> Callable[..., Any]:
    def celu(x: Any, alpha: float = 1.0) -> Any:
        """`keras.src.backend.tensorflow.nn.celu`, Barron 2017: max(x, 0) + α · (exp(min(x, 0) / α) - 1)."""
        import tensorflow as tf

        x = tf.convert_to_tensor(x)
        return tf.nn.relu(x) + alpha * tf.nn.elu(tf.minimum(x, 0.0) / alpha)

    return celu


REWRITES = (
    Rewrite(_BACKEND, "gelu", _gelu, "tf2onnx does not know Erfc, of which TensorFlow makes the exact one"),
    Rewrite(_BACKEND, "celu", _celu, "tf2onnx and TFLite do not know Expm1"),
)
