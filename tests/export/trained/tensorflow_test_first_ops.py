"""The graph of a SavedModel tells which of its inputs are numbers of rows in tables."""

import numpy as np
import pytest
import tensorflow as tf

from export.trained.first_ops import first_ops

TABLE = np.ones((30, 2), np.float32)


def first_of(function, **inputs):
    """What takes each input of a function first, saved and loaded again."""
    specs = {name: tf.TensorSpec((None, 6), dtype, name=name) for name, dtype in inputs.items()}
    module = tf.Module()
    module.table = tf.Variable(TABLE)
    module.serve = tf.function(lambda **given: {"y": function(module.table, **given)})
    return module, module.serve.get_concrete_function(**specs)


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_numbers_of_rows_whatever_their_dtype(dtype, tmp_path):
    def mean(table, **given):
        rows = tf.cast(given["Words"], tf.int32)
        mask = tf.cast(tf.not_equal(given["Words"], 0), tf.float32)[..., None]
        return tf.reduce_mean(tf.nn.embedding_lookup(table, rows) * mask, 1)

    module, function = first_of(mean, Words=dtype)
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": function})
    loaded = tf.saved_model.load(str(tmp_path))  # it owns the table
    (first,) = first_ops(loaded.signatures["serving_default"])
    assert first.only_embeddings and first.highest_number == 29


def test_each_input_has_its_own_and_other_operations_are_seen():
    def several(table, *, b, A, c):
        looked_up = tf.nn.embedding_lookup(table, tf.cast(A, tf.int32))
        both = tf.gather(tf.constant(TABLE[:20]), tf.cast(c, tf.int32)) * c[..., None]
        return tf.reduce_sum(looked_up, -1) + b + tf.reduce_sum(both, -1)

    _module, function = first_of(several, b="float32", A="float32", c="float32")
    found = dict(zip(sorted(function.structured_input_signature[1]), first_ops(function), strict=True))
    assert {name: (first.only_embeddings, first.highest_number) for name, first in found.items()} == {
        "A": (True, 29),
        "b": (False, None),
        "c": (False, 19),
    }


def test_of_what_cannot_be_frozen_nothing_is_known(monkeypatch):
    def fails(*_, **__):
        raise ValueError("no constants")

    from tensorflow.python.framework import convert_to_constants

    monkeypatch.setattr(convert_to_constants, "convert_variables_to_constants_v2", fails)
    _module, function = first_of(lambda table, x: x, x="float32")
    assert [first.layers for first in first_ops(function)] == [()]
