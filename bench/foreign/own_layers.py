"""Layers and a model of one's own, as a user has them in a module beside the model: named by `--custom-objects`."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="foreign")
class NumberedPatches(layers.Layer):
    """A projection of the patches of a picture, plus what was learned for the place of each (Dosovitskiy 2020)."""

    def __init__(self, size: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.width = size, width
        self.projection = layers.Dense(width)

    def build(self, shape: tuple[int, ...]) -> None:
        """Makes the projection and the table of places."""
        self.count = (shape[1] // self.size) * (shape[2] // self.size)
        self.places = layers.Embedding(self.count, self.width)
        self.projection.build((None, self.count, self.size**2 * shape[3]))
        self.places.build((self.count,))

    def call(self, pictures: Any) -> Any:
        """Maps pictures [n, height, width, channels] to patches [n, count, width]."""
        patches = ops.image.extract_patches(pictures, size=self.size)
        patches = ops.reshape(patches, (-1, self.count, patches.shape[-1]))
        return self.projection(patches) + self.places(ops.arange(self.count))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the layer."""
        return {**super().get_config(), "size": self.size, "width": self.width}


@keras.saving.register_keras_serializable(package="foreign")
class TokenAndPosition(layers.Layer):
    """What was learned for a token, plus what was learned for its place."""

    def __init__(self, length: int, tokens: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = length, tokens, width
        self.tokens = layers.Embedding(tokens, width)
        self.places = layers.Embedding(length, width)

    def build(self, shape: tuple[int, ...]) -> None:
        """Makes both tables."""
        self.tokens.build(shape)
        self.places.build(shape)

    def call(self, numbers: Any) -> Any:
        """Maps tokens [n, length] to vectors [n, length, width]."""
        return self.tokens(numbers) + self.places(ops.arange(0, ops.shape(numbers)[-1]))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the layer."""
        length, tokens, width = self.sizes
        return {**super().get_config(), "length": length, "tokens": tokens, "width": width}


@keras.saving.register_keras_serializable(package="foreign")
class EncoderBlock(layers.Layer):
    """Attention of all places to all, and two dense layers, each with a way around it (Vaswani 2017)."""

    def __init__(self, width: int, heads: int, inner: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = width, heads, inner
        self.attention = layers.MultiHeadAttention(heads, width // heads)
        self.dense = keras.Sequential([layers.Dense(inner, activation="relu"), layers.Dense(width)])
        self.norms = [layers.LayerNormalization(epsilon=1e-6) for _ in range(2)]
        self.drops = [layers.Dropout(0.1) for _ in range(2)]

    def build(self, shape: tuple[int, ...]) -> None:
        """Makes the weights of the parts."""
        self.attention.build(shape, shape)
        self.dense.build(shape)
        for norm in self.norms:
            norm.build(shape)

    def call(self, values: Any, training: bool = False) -> Any:
        """Maps vectors [n, length, width] to others of this shape."""
        seen = self.drops[0](self.attention(values, values), training=training)
        values = self.norms[0](values + seen)
        return self.norms[1](values + self.drops[1](self.dense(values), training=training))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the layer."""
        width, heads, inner = self.sizes
        return {**super().get_config(), "width": width, "heads": heads, "inner": inner}


@keras.saving.register_keras_serializable(package="foreign")
class ResidualNet(keras.Model):
    """A subclassed model: residual blocks over the features of a table, and a list of layers as its state."""

    def __init__(self, blocks: int, width: int, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = blocks, width, classes
        self.first = layers.Dense(width)
        self.blocks = [
            (layers.BatchNormalization(), layers.Dense(width, activation="swish"), layers.Dense(width))
            for _ in range(blocks)
        ]
        self.last = layers.Dense(classes, activation="softmax")

    def call(self, values: Any, training: bool = False) -> Any:
        """Maps columns [n, columns] to probabilities [n, classes]."""
        values = self.first(values)
        for norm, wide, narrow in self.blocks:
            values = values + narrow(wide(norm(values, training=training)))
        return self.last(ops.relu(values))

    def get_config(self) -> dict[str, Any]:
        """The arguments of the model."""
        blocks, width, classes = self.sizes
        return {**super().get_config(), "blocks": blocks, "width": width, "classes": classes}
