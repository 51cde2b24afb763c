"""Integers looked up, put into bins and counted, by comparisons: tables and histograms are ops of TensorFlow alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from export.formats.tracing.rewrite import Rewrite


def _lookup(original: Callable[..., Any]) -> Callable[..., Any]:
    def lookup(self: Any, keys: Any, name: str | None = None) -> Any:
        """`tf.lookup.StaticHashTable.lookup`: the value of each key, the table's default where it has none."""
        import tensorflow as tf

        if tf.executing_eagerly() or not (self.key_dtype.is_integer and self.value_dtype.is_integer):
            return original(self, keys, name)
        with tf.init_scope():  # the table's content is known now, and stands in the graph as constants
            known, values = (tensor.numpy() for tensor in self.export())
            table = np.concatenate([[self.default_value.numpy()], values])
        same = tf.equal(tf.expand_dims(keys, -1), tf.constant(known, keys.dtype))
        # At most one key is the same: the sum is its place in the table, or that of the default, 0.
        places = tf.where(same, np.arange(1, len(table), dtype=np.int32), 0)
        return tf.gather(tf.constant(table, self.value_dtype), tf.reduce_sum(places, -1))

    return lookup


def _digitize(original: Callable[..., Any]) -> Callable[..., Any]:
    def digitize(x: Any, bins: Sequence[float]) -> Any:
        """`keras.src.backend.tensorflow.numpy.digitize`: how many of the rising boundaries a value has reached."""
        import tensorflow as tf

        reached = tf.expand_dims(tf.cast(x, tf.float32), -1) >= tf.constant([float(edge) for edge in bins])
        return tf.reduce_sum(tf.cast(reached, tf.int32), -1)

    return digitize


def _encode(original: Callable[..., Any]) -> Callable[..., Any]:
    def tf_encode_categorical_inputs(
        inputs: Any,
        output_mode: str,
        depth: int,
        dtype: str = "float32",
        sparse: bool = False,
        count_weights: Any = None,
        idf_weights: Any = None,
    ) -> Any:
        """`keras.src.utils.tf_utils.tf_encode_categorical_inputs`: the same arguments, the same answers."""
        import tensorflow as tf

        if output_mode not in ("multi_hot", "count") or sparse:
            return original(inputs, output_mode, depth, dtype, sparse, count_weights, idf_weights)
        encoded = tf.one_hot(tf.cast(inputs, tf.int32), depth, dtype=tf.float32)
        if count_weights is not None:
            encoded *= tf.expand_dims(tf.cast(count_weights, tf.float32), -1)
        reduce = tf.reduce_max if output_mode == "multi_hot" else tf.reduce_sum
        return tf.cast(reduce(encoded, -2), dtype)

    return tf_encode_categorical_inputs


_NO_HISTOGRAM = "TFLite counts no values"
REWRITES = (
    Rewrite(
        "tensorflow.lookup",
        "StaticHashTable.lookup",
        _lookup,
        "tables are looked up by ops that TFLite does not have, and tf2onnx does not find their content",
    ),
    Rewrite("keras.src.backend.tensorflow.numpy", "digitize", _digitize, "tf2onnx does not know Bucketize"),
    Rewrite("keras.src.utils.tf_utils", "tf_encode_categorical_inputs", _encode, _NO_HISTOGRAM),
)
