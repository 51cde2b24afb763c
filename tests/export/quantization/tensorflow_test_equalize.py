"""Equalization: other weights, the same answers, and eight bits that suffice."""

import keras
import numpy as np
import pytest
from keras import layers

from export.quantization.equalize import equalize, links


def network(*between: layers.Layer, bias: bool = True) -> keras.Model:
    keras.utils.set_random_seed(1)
    stack = [keras.Input((6,)), layers.Dense(16, "relu"), *between, layers.Dense(8, "relu", use_bias=bias)]
    return keras.Sequential([*stack, layers.Dense(3, "softmax")])


def normalization(**options: bool) -> layers.BatchNormalization:
    """With factors between 1/30 and 30, of both signs."""
    layer = layers.BatchNormalization(**options)
    layer.build((None, 16))
    random = np.random.default_rng(2)
    for variable in layer.weights:
        drawn = random.uniform(-1, 1, 16)
        variable.assign(10 ** (2 * drawn) / 10 if "variance" in variable.path else drawn + 1e-3)
    return layer


INPUTS = np.random.default_rng(3).normal(size=(256, 6)).astype(np.float32)


@pytest.mark.parametrize(
    "between",
    [
        lambda: (normalization(),),
        lambda: (normalization(scale=False),),
        lambda: (normalization(center=False),),
        lambda: (normalization(), layers.Dropout(0.5), layers.GaussianDropout(0.1)),
        lambda: (layers.Activation("relu"), normalization(axis=1)),
    ],
)
def test_the_answers_stay_and_the_normalization_goes(between):
    model = network(*between())
    before = model.predict(INPUTS, verbose=0)
    found = equalize(model)
    assert np.abs(found.predict(INPUTS, verbose=0) - before).max() < 1e-5
    assert not any(isinstance(layer, layers.BatchNormalization) for layer in found.layers)


def test_what_a_unit_weighs_before_and_behind_becomes_alike():
    model = network(normalization())
    first, second = (layer.kernel.numpy() for layer in (model.layers[0], model.layers[2]))
    ratios = np.abs(second).max(axis=1) / np.abs(first).max(axis=0)
    assert ratios.max() > 1.5 * ratios.min()
    found = equalize(model)
    first, second, _ = (layer.kernel.numpy() for layer in found.layers if isinstance(layer, layers.Dense))
    ratios = np.abs(second).max(axis=1) / np.abs(first).max(axis=0)
    assert ratios == pytest.approx(np.full(16, ratios[0]), rel=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        lambda: network(),
        lambda: network(normalization(), bias=False),  # nowhere to put the offset
        lambda: network(layers.Activation("tanh"), normalization()),
        lambda: network(normalization(), layers.Activation("relu")),  # converters fold it backwards
    ],
)
def test_other_networks_are_left_as_they_are(model):
    made = model()
    assert equalize(made) is made


def test_a_tensor_with_another_user_is_not_touched():
    inputs = keras.Input((6,))
    wide = layers.Dense(16, "relu")(inputs)
    normal = normalization()(wide)
    model = keras.Model(inputs, layers.Dense(3)(normal) + layers.Dense(3)(wide))
    assert links(model) == []
    assert links(keras.Model(inputs, [layers.Dense(3)(normal), normal])) == []


def test_layers_used_twice_and_subclassed_models_are_left():
    inputs, dense, normal = keras.Input((16,)), layers.Dense(16, "relu"), normalization()
    twice = normal(dense(normal(dense(inputs))))
    assert links(keras.Model(inputs, layers.Dense(3)(twice))) == []

    class Own(keras.Model):
        def call(self, x):
            return x

    assert links(Own()) == []


def test_a_unit_without_weights_does_no_harm():
    model = network(normalization())
    kernel = model.layers[0].kernel.numpy()
    kernel[:, 3] = 0
    model.layers[0].kernel.assign(kernel)
    before = model.predict(INPUTS, verbose=0)
    assert np.abs(equalize(model).predict(INPUTS, verbose=0) - before).max() < 1e-5
