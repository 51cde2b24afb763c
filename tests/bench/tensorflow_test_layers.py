"""The table of layers has every layer that Keras has, and gives a model to each."""

import keras
import pytest

from bench.layers.rows import NO_LAYERS, NOT_BUILT, ROWS


def test_every_class_of_keras_layers_is_in_the_table():
    names = {}  # of each class, what keras.layers calls it
    for name in dir(keras.layers):
        if isinstance(getattr(keras.layers, name), type):
            names.setdefault(getattr(keras.layers, name), set()).add(name)
    known = {*(row.layer for row in ROWS), *NOT_BUILT, *NO_LAYERS}
    missing = [each for each in names.values() if not known & each]
    assert missing == [], "bench/layers/rows has no row for these classes of keras.layers"


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("Dense(units=5) of 6", ["dense"]),
        ("ReLU() of 6", ["before_input_1"]),
        ("CategoryEncoding(num_tokens=6) of int32 5", ["dense"]),
    ],
)
def test_what_has_no_weights_gets_a_dense_beside_it(name, beside):
    (row,) = (row for row in ROWS if row.name == name)
    keras.utils.clear_session()  # which counts names from the beginning
    names = [layer.name for layer in row.model().layers]
    assert [name for name in names if "dense" in name or "before" in name] == beside
