"""The layers with weights that the architectures are made of, with what the recipe says of them."""

from __future__ import annotations

from typing import Any

from keras import layers

from train import keras_objects
from train.recipe import Recipe


def options(recipe: Recipe) -> dict[str, Any]:
    """What every layer with weights takes from the recipe."""
    constraint = recipe.constraint
    return {
        "kernel_initializer": keras_objects.make("initializer", recipe.initializer),
        "kernel_regularizer": keras_objects.regularizer(recipe.regularizer),
        "kernel_constraint": None if constraint is None else keras_objects.make("constraint", constraint),
    }


def dense(units: int, recipe: Recipe) -> layers.Dense:
    """A dense layer with the recipe's activation."""
    return layers.Dense(units, activation=keras_objects.activation(recipe.activation), **options(recipe))


def normalized(x: Any, filters: int, size: int, recipe: Recipe, strides: int = 1) -> Any:
    """A size×size convolution with batch normalisation, which converters fold into its weights."""
    x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False, **options(recipe))(x)
    return layers.BatchNormalization(momentum=0.9)(x)


def convolution(x: Any, filters: int, recipe: Recipe, size: int = 3, strides: int = 1) -> Any:
    """A convolution, 3×3 unless another size is given, with batch normalisation and the activation."""
    x = normalized(x, filters, size, recipe, strides)
    return layers.Activation(keras_objects.activation(recipe.activation))(x)
