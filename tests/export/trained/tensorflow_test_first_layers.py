"""What a model does first with its inputs."""

import keras
import numpy as np
import pytest
from keras import layers

from export.trained.first_layers import FirstLayers, first_layers


def kinds(model):
    return {
        symbol.name: [type(layer).__name__ for layer in first.layers]
        for symbol, first in zip(model.inputs, first_layers(model), strict=True)
    }


def adapted(mean, deviation):
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(0).normal(mean, deviation, (500, 4)).astype(np.float32))
    return layer


def test_each_input_has_its_own_whatever_the_order_of_its_name():
    z, a = keras.Input((4,), name="z"), keras.Input((7,), dtype="int32", name="a")
    words = layers.Flatten()(layers.Embedding(50, 3)(a))
    model = keras.Model(
        {"z": z, "a": a}, layers.Concatenate()([adapted(0, 1)(layers.Dropout(0.1)(z)), words])
    )
    assert kinds(model) == {"a": ["Embedding"], "z": ["Normalization"]}


def test_layers_that_pass_numbers_on_and_models_in_models_are_looked_through():
    inner = keras.Sequential([keras.Input((6, 6, 1)), layers.ZeroPadding2D(1), layers.Rescaling(1 / 255)])
    image = keras.Input((6, 6), name="image")
    model = keras.Model(image, inner(layers.Reshape((6, 6, 1))(image)))
    assert kinds(model) == {"image": ["Rescaling"]}
    sequential = keras.Sequential([keras.Input((6, 6, 1), name="pixels"), inner])
    assert list(kinds(sequential).values()) == [["Rescaling"]]


AUGMENTATIONS = [
    layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomContrast(0.2), layers.RandomErasing(),
    layers.RandAugment(), layers.MixUp(), layers.SpatialDropout2D(0.1), layers.GaussianDropout(0.1),
    layers.Pipeline([layers.RandomFlip(), layers.RandomZoom(0.1)]), layers.Resizing(8, 8), layers.CenterCrop(4, 4),
]  # fmt: skip


@pytest.mark.parametrize("layer", AUGMENTATIONS, ids=lambda layer: type(layer).__name__)
def test_what_is_there_for_training_alone_is_looked_through(layer):
    pixels = keras.Input((6, 6, 3), name="pixels")
    assert kinds(keras.Model(pixels, layers.Rescaling(1 / 255)(layer(pixels)))) == {"pixels": ["Rescaling"]}


def test_a_pipeline_that_always_computes_is_seen():
    pixels = keras.Input((6, 6, 3), name="pixels")
    computes = layers.Pipeline([layers.RandomFlip(), layers.Solarization()])
    assert kinds(keras.Model(pixels, layers.Rescaling(1 / 255)(computes(pixels)))) == {"pixels": ["Pipeline"]}


def test_an_input_may_have_several():
    x = keras.Input((4,), name="x")
    model = keras.Model(x, layers.Add()([layers.Dense(2)(x), layers.Dense(2)(x)]))
    assert kinds(model) == {"x": ["Dense", "Dense"]}


def first(layer, shape, dtype="float32"):
    inputs = keras.Input(shape, dtype=dtype)
    (found,) = first_layers(keras.Model(inputs, layer(inputs)))
    return found


@pytest.mark.parametrize(
    ("factor", "offset", "pixels"),
    [(1 / 255, 0.0, True), (1 / 127.5, -1.0, True), (0.1, 0.0, False), (2.0, 1.0, False)],
)
def test_a_factor_of_pixels_is_known(factor, offset, pixels):
    found = first(layers.Rescaling(factor, offset), (8, 8, 3))
    assert found.scaling == pytest.approx((factor, offset))
    assert found.takes_pixels((8, 8, 3)) is pixels


def test_a_factor_for_each_channel_is_none_for_all():
    found = first(layers.Rescaling([1 / 255, 1 / 255, 1 / 254]), (8, 8, 3))
    assert found.scaling is None and not found.takes_pixels((8, 8, 3))


def test_tables_of_embeddings_say_the_highest_number():
    tokens = keras.Input((5,))
    answers = [layers.Embedding(rows, 2)(tokens) for rows in (30, 20)]
    (found,) = first_layers(keras.Model(tokens, answers))
    assert found.highest_number == 19 and found.only_embeddings
    mixed = keras.Model(tokens, [*answers, layers.Dense(2)(tokens)])
    assert not first_layers(mixed)[0].only_embeddings


def test_a_table_that_masks_the_padding_is_a_table_all_the_same():
    tokens = keras.Input((6,))
    answer = layers.LSTM(3)(layers.Embedding(30, 2, mask_zero=True)(tokens))
    (first,) = first_layers(keras.Model(tokens, answer))
    assert first.only_embeddings and first.highest_number == 29


def test_normalisations_say_where_values_lie():
    mean, deviation = first(adapted(1000, 50), (4,)).spread((4,))
    np.testing.assert_allclose(mean, 1000, atol=10)
    np.testing.assert_allclose(deviation, 50, atol=5)
    layer = layers.BatchNormalization()
    found = first(layer, (9, 3))
    layer.moving_mean.assign([1, 2, 3])
    np.testing.assert_allclose(found.spread((9, 3))[0], [1, 2, 3])
    assert found.spread((9, 4)) is None


def test_of_other_layers_and_of_none_nothing_is_known():
    for found in (FirstLayers(), first(layers.Dense(2), (4,))):
        assert found.scaling is found.highest_number is found.spread((4,)) is None
        assert not found.takes_pixels((8, 8, 3)) and not found.only_embeddings


@pytest.mark.parametrize(
    ("mean", "variance", "shape", "pixels"),
    [
        ([123.7, 116.3, 103.5], [3409.0, 3263.0, 3293.0], (8, 8, 3), True),
        (120.0, 4000.0, (8, 8, 3), True),
        (0.48, 0.07, (8, 8, 3), False),  # of pixels that were divided by 255
        ([120.0, 110.0, 5.0], 4000.0, (8, 8, 3), False),
        (120.0, 40_000.0, (8, 8, 3), False),
        (120.0, 4000.0, (8, 8, 1), False),  # may be a spectrum
        (120.0, 4000.0, (8, 3), False),
    ],
)
def test_a_normalisation_for_colours_is_known(mean, variance, shape, pixels):
    values = {"mean": np.broadcast_to(mean, shape[-1]), "variance": np.broadcast_to(variance, shape[-1])}
    assert first(layers.Normalization(**values), shape).takes_pixels(shape) is pixels


@pytest.mark.parametrize("name", ["MobileNetV3Small", "EfficientNetB0"])
def test_networks_of_keras_applications_scale_pixels_themselves(name):
    model = getattr(keras.applications, name)(weights=None, input_shape=(32, 32, 3))
    assert first_layers(model)[0].takes_pixels((32, 32, 3))
