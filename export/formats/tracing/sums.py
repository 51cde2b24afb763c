"""Sums with a bias whose channels come first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export.formats.tracing.rewrite import Rewrite


def _add(original: Callable[..., Any]) -> Callable[..., Any]:
    def add(x1: Any, x2: Any) -> Any:
        """`keras.src.backend.tensorflow.numpy.add`, whose "NCHW" bias TFLite takes for four dimensions alone."""
        import tensorflow as tf

        sizes = list(getattr(x2, "shape", []))
        a_vector = len([size for size in sizes if size != 1]) == 1
        if a_vector and len(sizes) > 1 and sizes[-1] == 1 and x1.dtype == x2.dtype:
            return tf.add(x1, x2)
        return original(x1, x2)

    return add


REWRITES = (
    Rewrite(
        "keras.src.backend.tensorflow.numpy",
        "add",
        _add,
        "TFLite takes a bias whose channels come first in four dimensions alone",
    ),
)
