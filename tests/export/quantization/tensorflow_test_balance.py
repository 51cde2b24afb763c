"""Balanced channels: the same answers to the last bit, and eight bits that suffice."""

import keras
import numpy as np
import pytest
from keras import layers

from export.quantization import balance, repairs
from export.quantization.names import BALANCE
from export.quantization.repairs import repair
from export.quantization.walk import Unsuited, Walk, ranges_of, rounded_weights

IMAGES = np.random.default_rng(3).normal(size=(64, 8, 8, 2)).astype(np.float32)


def conv(**options):
    return layers.Conv2D(6, 3, **options)


BETWEEN = {
    "own activation": lambda: (conv(activation="relu"),),
    "leaky": lambda: (conv(), layers.LeakyReLU()),
    "normalisation": lambda: (conv(use_bias=False), layers.BatchNormalization(), layers.ReLU()),
    "normalisation behind": lambda: (conv(activation="elu"), layers.BatchNormalization()),
    "pooling": lambda: (conv(activation="relu"), layers.MaxPooling2D(), layers.Dropout(0.2)),
    "padding": lambda: (conv(activation="relu"), layers.ZeroPadding2D()),
    "depthwise before": lambda: (layers.DepthwiseConv2D(3, depth_multiplier=3, activation="relu"),),
}
BEHIND = {
    "conv": lambda: (layers.Conv2D(4, 3), layers.Flatten()),
    "depthwise": lambda: (layers.DepthwiseConv2D(3, depth_multiplier=2), layers.Flatten()),
    "flatten": lambda: (layers.Flatten(),),
    "average": lambda: (layers.GlobalAveragePooling2D(),),
}


def network(between, behind):
    """With channels of very different ranges behind the first layer that has a scale to move."""
    keras.utils.set_random_seed(1)
    stack = [keras.Input((8, 8, 2), name="x"), *between(), *behind(), layers.Dense(3, "softmax")]
    model = keras.Sequential(stack)
    rng = np.random.default_rng(2)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            for variable in layer.weights:
                low = -1 if variable.name in ("beta", "moving_mean") else 0.5
                variable.assign(rng.uniform(low, 1, variable.shape))
    return model


def spoil(model, factor=1024.0):
    """Makes one channel a thousand times as large as it was: the answers stay, and eight bits do not suffice."""
    walk = Walk(model)
    link = balance.links(walk)[0]
    factors = np.ones(link.before.output.shape[-1], np.float32)
    factors[1] = 1 / factor
    balance.move(link, factors)
    return link


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("between", BETWEEN)
def test_the_answers_stay_to_the_last_bit_and_eight_bits_suffice_again(between, behind):
    model = network(BETWEEN[between], BEHIND[behind])
    before = model.predict(IMAGES, verbose=0)
    link = spoil(model)
    assert np.array_equal(model.predict(IMAGES, verbose=0), before)
    spoiled = _error(model)
    repaired, notes = repair(model, {"x": IMAGES}, [BALANCE])
    assert np.array_equal(repaired.predict(IMAGES, verbose=0), before)
    assert _error(repaired) < spoiled / 4
    assert len(notes) == 1 and notes[0].startswith(
        f"The ranges of channels are balanced between {link.before.name} and {link.after.name}"
    )


def _error(model):
    walk = Walk(model)
    values = walk.values({"x": IMAGES})
    (right,), (found,) = walk.answers(values), walk.in_eight_bits({"x": IMAGES}, ranges_of(values))
    return np.mean((found - right) ** 2)


def test_channels_that_are_alike_are_left_alone():
    model = network(BETWEEN["own activation"], BEHIND["conv"])
    before = [np.array(variable.numpy()) for variable in model.variables]
    assert repair(model, {"x": IMAGES}, [BALANCE]) == (model, ())
    assert all(np.array_equal(one, other) for one, other in zip(before, model.variables, strict=True))


def test_what_does_not_help_is_taken_back(monkeypatch):
    model = network(BETWEEN["own activation"], BEHIND["conv"])
    spoil(model)
    before = [np.array(variable.numpy()) for variable in model.variables]
    monkeypatch.setattr(repairs, "CLEARLY", 0.0)  # nothing helps as clearly as that
    assert repair(model, {"x": IMAGES}, [BALANCE]) == (model, ())
    assert all(np.array_equal(one, other) for one, other in zip(before, model.variables, strict=True))


@pytest.mark.parametrize("wanted", [(), ("fold",)])
def test_a_repair_that_is_not_wanted_is_not_made(wanted):
    model = network(BETWEEN["own activation"], BEHIND["conv"])
    spoil(model)
    assert repair(model, {"x": IMAGES}, wanted)[1] == ()


@pytest.mark.parametrize(
    "between",
    [
        lambda: (conv(activation="relu6"),),
        lambda: (conv(activation="selu"),),
        lambda: (conv(), layers.ReLU(max_value=6)),
        lambda: (conv(), layers.BatchNormalization(scale=False)),
        lambda: (conv(), layers.LayerNormalization()),
        lambda: (layers.Conv2DTranspose(6, 3, activation="relu"),),
    ],
)
def test_no_scale_goes_through_what_is_not_homogeneous(between):
    assert balance.links(Walk(network(between, BEHIND["flatten"]))) == []


def test_what_others_take_too_is_no_link():
    x = keras.Input((8, 8, 2), name="x")
    first = conv(padding="same", activation="relu")(x)
    second = layers.Conv2D(6, 3, padding="same")(first)
    model = keras.Model(x, layers.Flatten()(layers.Add()([first, second])))
    assert balance.links(Walk(model)) == []


def test_a_layer_that_is_called_twice_is_no_chain():
    x = keras.Input((4,))
    shared = layers.Dense(4)
    for model in (keras.Model(x, shared(shared(x))), keras.Model(x, layers.ReLU()(shared(shared(x))))):
        walk = Walk(model)
        with pytest.raises(Unsuited):
            walk.answers(walk.values({model.inputs[0].name: np.ones((2, 4), np.float32)}))


def test_the_walk_answers_as_the_model_does_with_several_inputs_too():
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    model = keras.Model([x, y], [layers.Dense(2)(x - y), layers.Concatenate()([x, y])])
    feed = {"x": np.ones((3, 4), np.float32), "y": np.full((3, 4), 0.25, np.float32)}
    walk = Walk(model)
    for found, wanted in zip(walk.answers(walk.values(feed)), model(feed), strict=True):
        assert np.array_equal(found, wanted)


def test_weights_are_rounded_for_each_channel():
    values = np.array([[100.0, 0.01], [-127.0, 0.0127]], np.float32)
    assert np.allclose(rounded_weights(values, (1,)), values, rtol=1e-5)
    assert rounded_weights(np.array([[0.4], [127.0]], np.float32), (1,)).tolist() == [[0.0], [127.0]]
    assert not rounded_weights(np.zeros((2, 2), np.float32), (1,)).any()
