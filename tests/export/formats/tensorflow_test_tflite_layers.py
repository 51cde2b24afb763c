"""The layers of a .tflite file: what they multiply their weights with, and the file with other constants."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from export.formats.tflite_inner import TFLiteFile
from export.formats.tflite_layers import layers, with_constants
from export.quantization.layers import Moments

pytestmark = pytest.mark.conversion


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file with all kinds of layers, and samples."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((11, 10, 4), name="x"),
            keras.layers.Conv2D(
                6, (3, 2), padding="same", strides=2, bias_initializer="normal", name="strided"
            ),
            keras.layers.DepthwiseConv2D(3, depth_multiplier=2, bias_initializer="normal", name="depthwise"),
            keras.layers.Conv2D(
                8, 2, dilation_rate=(2, 1), padding="same", bias_initializer="normal", name="dilated"
            ),
            keras.layers.Flatten(),
            keras.layers.Dense(5, bias_initializer="normal", name="dense"),
        ]
    )
    path = tmp_path_factory.mktemp("layers") / "file.tflite"
    model.export(path.parent / "saved", verbose=False)
    path.write_bytes(tf.lite.TFLiteConverter.from_saved_model(str(path.parent / "saved")).convert())
    return path, np.random.default_rng(1).normal(size=(6, 11, 10, 4)).astype(np.float32)


def test_layers_multiply_their_weights_with_these_windows(file):
    path, samples = file
    found = layers(path)
    assert [layer.groups for layer in found] == [1, 6, 1, 1]
    inner = TFLiteFile(path.read_bytes())
    feeds = dict.fromkeys(inner.inputs, samples)
    taken = [layer.taken for layer in found if layer.taken not in inner.inputs.values()]
    values = inner.values(feeds, [*taken, *(layer.key for layer in found)])
    values |= dict.fromkeys(inner.inputs.values(), samples)
    for layer in found:
        moments = Moments(layer)
        moments.add(layer.windows(values[layer.taken], 10**6, np.random.default_rng(0)))
        means = np.einsum("gnc,gc->gn", layer.rows, moments.mean).ravel() + layer.offset
        channels = values[layer.key].reshape(-1, len(layer.kernel)).astype(np.float64)
        assert np.allclose(means, channels.mean(axis=0), atol=1e-5)
        spread = np.einsum("gnc,gcd,gnd->gn", layer.rows, moments.covariance, layer.rows).ravel()
        assert np.allclose(spread, channels.var(axis=0), rtol=1e-4)


def test_a_file_with_other_constants_answers_with_them(file):
    path, samples = file
    last = layers(path)[-1]
    changed = {last.weights: last.stored(2 * last.rows), last.bias: 2 * last.offset}
    before, after = (TFLiteFile(content) for content in (path.read_bytes(), with_constants(path, changed)))
    feeds = dict.fromkeys(before.inputs, samples)
    results = [each.values(feeds, [last.key])[last.key] for each in (before, after)]
    assert np.allclose(results[1], 2 * results[0], atol=1e-5)
