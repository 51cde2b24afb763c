"""The architectures of the zoo: the layers between the scaled input and the output layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
from keras import layers

from train import keras_objects, mobile_networks
from train.building_blocks import convolution, dense, normalized, options
from train.recipe import Recipe


def _lenet5(x: Any, recipe: Recipe) -> Any:
    for filters in (6, 16):
        activation = keras_objects.activation(recipe.activation)
        x = layers.Conv2D(filters, 5, activation=activation, **options(recipe))(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    for units in (120, 84):
        x = dense(units, recipe)(x)
    return x


def _small_cnn(x: Any, recipe: Recipe) -> Any:
    for filters in (32, 64):
        activation = keras_objects.activation(recipe.activation)
        x = layers.Conv2D(filters, 3, padding="same", activation=activation, **options(recipe))(x)
        x = layers.MaxPooling2D(2)(x)
    x = layers.Flatten()(x)
    return dense(64, recipe)(x)


def _mlp(x: Any, recipe: Recipe) -> Any:
    """Dense layers of `recipe.hidden` units, each followed by the normalisation and dropout of the recipe."""
    if len(x.shape) > 2:
        x = layers.Flatten()(x)
    for units in recipe.hidden:
        x = dense(units, recipe)(x)
        if recipe.batch_normalization:
            x = layers.BatchNormalization()(x)
        if recipe.dropout:
            x = layers.Dropout(recipe.dropout)(x)
        if recipe.gaussian_dropout:  # noise in training: what survives it also survives the rounding of int8
            x = layers.GaussianDropout(recipe.gaussian_dropout)(x)
    if recipe.alpha_dropout:
        x = layers.AlphaDropout(recipe.alpha_dropout)(x)
    return x


class TutorialMLP(keras.Model):
    """The tutorials' example of a subclassed model: two wide layers with batch normalisation and dropout."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.flatten = layers.Flatten()
        self.first = layers.Dense(512, activation=keras_objects.activation(recipe.activation))
        self.first_normalization = layers.BatchNormalization()
        self.first_dropout = layers.Dropout(0.2)
        self.second = layers.Dense(512, kernel_regularizer=keras_objects.regularizer(recipe.regularizer))
        self.second_normalization = layers.BatchNormalization()
        self.second_activation = layers.Activation(keras_objects.activation(recipe.activation))
        self.second_dropout = layers.Dropout(0.2)

    def call(self, x: Any) -> Any:
        """Maps images [n, height, width, channels] to features [n, 512]."""
        x = self.first_dropout(self.first_normalization(self.first(self.flatten(x))))
        return self.second_dropout(self.second_activation(self.second_normalization(self.second(x))))


def _tutorial_mlp(x: Any, recipe: Recipe) -> Any:
    # `call`, not `__call__`: the symbolic input runs through the layers themselves, so the saved model is a plain
    # functional one that loads without this class.
    return TutorialMLP(recipe).call(x)


def _vgg_cnn(x: Any, recipe: Recipe) -> Any:
    """Three blocks of two 3×3 convolutions with batch normalisation, then the mean over the picture."""
    for filters in recipe.hidden:
        for _ in range(2):
            x = convolution(x, filters, recipe)
        if filters != recipe.hidden[-1]:
            x = layers.MaxPooling2D(2)(x)
        if recipe.dropout:
            x = layers.Dropout(recipe.dropout)(x)
    return layers.GlobalAveragePooling2D()(x)


def _residual_cnn(x: Any, recipe: Recipe) -> Any:
    """A convolution; halving blocks with two more convolutions beside a shortcut; a convolution; the mean.

    `recipe.hidden` has the filters of each. The picture is halved before the shortcuts, which keeps them cheap.
    """
    first, *blocks, last = recipe.hidden
    x = convolution(x, first, recipe)
    for filters in blocks:
        x = layers.MaxPooling2D(2)(convolution(x, filters, recipe))
        inner = convolution(convolution(x, filters, recipe), filters, recipe)
        x = layers.Add()([x, inner])
    return layers.GlobalAveragePooling2D()(convolution(x, last, recipe))


def _resnet(x: Any, recipe: Recipe) -> Any:
    """The residual network for CIFAR of He, Zhang, Ren and Sun (2015, section 4.2), then the mean over the picture.

    `recipe.hidden` has the filters of each residual block, and its first is that of the first convolution. Where the
    filters change, the block halves the picture, and a 1×1 convolution brings the shortcut to the new shape.
    """
    x = convolution(x, recipe.hidden[0], recipe)
    for filters in recipe.hidden:
        halved = filters != x.shape[-1]
        inner = convolution(x, filters, recipe, strides=1 + halved)
        inner = normalized(inner, filters, 3, recipe)
        shortcut = normalized(x, filters, 1, recipe, strides=2) if halved else x
        x = layers.Activation(keras_objects.activation(recipe.activation))(layers.Add()([shortcut, inner]))
    return layers.GlobalAveragePooling2D()(x)


def _joined(x: dict[str, Any], recipe: Recipe) -> Any:
    """Each input through a layer of its own, then all together through the others."""
    first, *others = recipe.hidden
    branches = [dense(first, recipe)(values) for values in x.values()]
    return _mlp(layers.Concatenate()(branches), replace(recipe, hidden=tuple(others)))


def _autoencoder(x: Any, recipe: Recipe) -> dict[str, Any]:
    """The image is encoded in ever fewer units and decoded again; the second output is the error of the result."""
    features = layers.Flatten()(x)
    for units in (*recipe.hidden, *recipe.hidden[-2::-1]):
        features = dense(units, recipe)(features)
    pixels = layers.Dense(math.prod(x.shape[1:]), activation="sigmoid")(features)
    rebuilt = layers.Reshape(x.shape[1:], name="rebuilt")(pixels)
    error = keras.ops.square(rebuilt - x)
    anomaly = layers.GlobalAveragePooling2D(name="anomaly")(error)
    return {"rebuilt": rebuilt, "anomaly": anomaly}


def _gru(x: Any, recipe: Recipe) -> Any:
    (units,) = recipe.hidden
    return layers.GRU(units, **options(recipe))(x)


def _text_cnn(x: Any, recipe: Recipe) -> Any:
    """For each learned pattern of three words, how strongly the text matches it at its best place."""
    (filters,) = recipe.hidden
    x = layers.Dropout(recipe.dropout)(x)
    x = layers.Conv1D(filters, 3, padding="same", activation=keras_objects.activation(recipe.activation))(x)
    return layers.Dropout(recipe.dropout)(layers.GlobalMaxPooling1D()(x))


def _text_lstm(x: Any, recipe: Recipe) -> Any:
    """For each unit of the LSTM, its largest output over all words of the text."""
    (units,) = recipe.hidden
    x = layers.LSTM(units, return_sequences=True)(layers.Dropout(recipe.dropout)(x))
    return layers.Dropout(recipe.dropout)(layers.GlobalMaxPooling1D()(x))


# Of a model with one input, an architecture is given its scaled values; of several, all by name. It gives the features
# that the heads of the dataset's outputs take, or the outputs themselves by name.
ARCHITECTURES: dict[str, Callable[[Any, Recipe], Any]] = {
    "lenet5": _lenet5,
    "small-cnn": _small_cnn,
    "mlp": _mlp,
    "tutorial-mlp": _tutorial_mlp,
    "vgg-cnn": _vgg_cnn,
    "residual-cnn": _residual_cnn,
    "resnet": _resnet,
    "mobilenet-v2": mobile_networks.mobilenet_v2,
    "mobilenet-v3": mobile_networks.mobilenet_v3,
    "efficientnet": mobile_networks.efficientnet,
    "joined-mlp": _joined,
    "autoencoder": _autoencoder,
    "gru": _gru,
    "text-cnn": _text_cnn,
    "text-lstm": _text_lstm,
}
