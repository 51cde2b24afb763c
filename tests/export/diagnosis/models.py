"""Keras models whose layers are hard to find again in a file, for tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops


def shared() -> Any:
    """One layer called twice, and one nested model called twice."""
    one, other = keras.Input((12,), name="one"), keras.Input((12,), name="other")
    inner = keras.Sequential(
        [keras.Input((8,)), layers.Dense(6, activation="tanh"), layers.Dense(4)], name="encoder"
    )
    dense = layers.Dense(8, activation="relu", name="twin")
    joined = layers.Concatenate()([inner(dense(one)), inner(dense(other))])
    return keras.Model({"one": one, "other": other}, layers.Dense(3, name="out")(joined))


def nested() -> Any:
    """A functional model in a Sequential one in a functional one."""
    taken = keras.Input((8, 8, 3))
    deep = keras.Model(taken, layers.Conv2D(4, 3, padding="same", activation="relu")(taken), name="deep")
    middle = keras.Sequential([keras.Input((8, 8, 3)), deep, layers.MaxPooling2D()], name="middle")
    given = keras.Input((8, 8, 3), name="picture")
    found = layers.Flatten()(layers.Dropout(0.3)(middle(layers.Rescaling(0.1)(given))))
    return keras.Model(given, layers.Dense(5, activation="softmax", name="out")(found))


def _mobile(x: Any, filters: int, activation: str, squeezed: bool) -> Any:
    """An inverted bottleneck as in MobileNetV2 and V3, with squeeze-and-excite."""
    channels = x.shape[-1]
    wide = layers.Conv2D(4 * channels, 1, use_bias=False)(x)
    wide = layers.Activation(activation)(layers.BatchNormalization()(wide))
    wide = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(wide)
    wide = layers.Activation(activation)(layers.BatchNormalization()(wide))
    if squeezed:
        mean = layers.GlobalAveragePooling2D(keepdims=True)(wide)
        gate = layers.Conv2D(channels, 1, activation="relu")(mean)
        wide = layers.Multiply()([wide, layers.Conv2D(4 * channels, 1, activation="sigmoid")(gate)])
    narrow = layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False)(wide))
    return layers.Add()([x, narrow]) if filters == channels else narrow


def mobile() -> Any:
    """Depthwise convolutions, swish, squeeze-and-excite, shortcuts."""
    given = keras.Input((16, 16, 3), name="picture")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(given)
    x = layers.Activation("relu6")(layers.BatchNormalization()(x))
    x = _mobile(x, 8, "relu6", squeezed=False)
    x = _mobile(x, 12, "swish", squeezed=True)
    x = _mobile(x, 12, "hard_swish", squeezed=True)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(given, layers.Dense(4, activation="softmax", name="out")(x))


def attention() -> Any:
    """A transformer block over a sequence."""
    given = keras.Input((10, 16), name="steps")
    found = layers.MultiHeadAttention(2, 8)(given, given)
    x = layers.LayerNormalization()(layers.Add()([given, found]))
    x = layers.Add()([x, layers.Dense(16)(layers.Dense(32, activation="gelu")(x))])
    return keras.Model(given, layers.Dense(2, name="out")(layers.GlobalAveragePooling1D()(x)))


def sequences() -> Any:
    """Convolution and recurrence over a sequence, in both directions."""
    given = keras.Input((12, 4), name="steps")
    x = layers.Conv1D(8, 3, padding="same", activation="relu")(given)
    x = layers.Bidirectional(layers.GRU(6, return_sequences=True))(x)
    x = layers.TimeDistributed(layers.Dense(5, activation="tanh"))(x)
    return keras.Model(given, layers.Dense(2, name="out")(layers.LSTM(7)(x)))


def operations() -> Any:
    """Operations of keras.ops between layers, and two outputs."""
    given = keras.Input((9,), name="table")
    x = ops.tanh(layers.Dense(6)(given) * 2.0)
    y = ops.exp(-ops.square(layers.Dense(6)(x)))
    return keras.Model(
        given, {"first": layers.Dense(2, name="first")(y), "second": layers.Dense(1, name="second")(x)}
    )


MODELS: dict[str, Callable[[], Any]] = {
    build.__name__: build for build in (shared, nested, mobile, attention, sequences, operations)
}
