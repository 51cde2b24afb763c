"""The networks of `keras.applications`: nothing is trained here; the weights are ImageNet's where they can be had.

Where they cannot (no download, none in Keras' cache), the weights are random ones from a seed. What such a network
answers means nothing, but it has the same size, operations and latency, and every file is proved against it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from data import golden
from data.dataset import image_input
from data.original import Original, keras_bytes, write_original
from data.trained_model import MODEL, Source, TrainedModel
from runtime.bundle.manifest import OutputRecord
from train.device import device_name
from train.recipe import Application
from train.save import versions

SIDE = 224
SHAPE = (SIDE, SIDE, 3)
# Fewer than for small images: an image has 150,528 values, and VGG16 takes seconds for one in int16x8.
GOLDEN, CALIBRATION = 4, 32
# What preprocess_input in its mode "caffe" subtracts from blue, green and red.
_CAFFE_MEANS = (103.939, 116.779, 123.68)


def save(row: Application, seed: int, folder: Path) -> Original:
    """Writes the network with its golden and calibration images (synthetic) to `folder`.

    It takes raw RGB pixels, float32 [n, 224, 224, 3] from 0 to 255, and gives probabilities [n, 1000], or features
    [n, 512].

    Raises:
        EdgeProofError: the folder cannot be written.
    """
    keras.utils.set_random_seed(seed)
    pixels = image_input(SHAPE, high=255)
    images = golden.synthesise([pixels], seed, CALIBRATION)["image"]
    model, weights = _model(row, images)
    inputs = images[:GOLDEN]
    output = OutputRecord("features", model.output_shape[1:], "tensor")
    if row.classes:
        output = output._replace(name="probabilities", task="classification", labels=_labels())
    own = model.output_names[0]
    record = TrainedModel(
        model=row.model,
        inputs=(pixels,),
        outputs=(output,),
        source=Source(names={} if own == output.name else {output.name: own}),
        weights=weights,
        seed=seed,
        versions=versions(),
        backend=keras.backend.backend(),
        device=device_name(),
        parameters=model.count_params(),
    )
    outputs = model.predict(inputs.astype(np.float32), verbose=0)
    return write_original(
        folder,
        record,
        {MODEL: keras_bytes(model)},
        ({"image": inputs}, {output.name: outputs}),
        calibration={"image": images},
    )


def _model(row: Application, images: NDArray[np.uint8]) -> tuple[keras.Model, str]:
    """The network on raw pixels, and what its weights are."""
    pixels = keras.Input(SHAPE, name="image", dtype="float32")
    build = getattr(keras.applications, row.builder)
    options = {"include_top": True, "classes": row.classes} if row.classes else {"include_top": False}
    try:
        network, weights = build(weights="imagenet", input_shape=SHAPE, **options), "imagenet"
    except Exception as error:  # each way of having no network or no cache raises its own
        network, weights = build(weights=None, input_shape=SHAPE, **options), f"seeded random: {error}"
    outputs = network(_preprocessed(pixels, row.preprocessing))
    if not row.classes:
        outputs = layers.GlobalAveragePooling2D(name="features")(outputs)
    model = keras.Model(pixels, outputs, name=row.model.replace("-", "_"))
    if weights != "imagenet":
        _let_signals_through(network)
        _adapt_normalization(network, model, images)
    return model, weights


def _preprocessed(pixels: Any, mode: str) -> Any:
    if mode == "tf":
        return layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    reversed_ = layers.Concatenate()([pixels[..., index : index + 1] for index in (2, 1, 0)])
    return reversed_ - np.array(_CAFFE_MEANS, np.float32)


def _let_signals_through(network: keras.Model) -> None:
    """Draws the kernels again as He et al. (2015): after 50 layers of Keras' default, every image looks the same."""
    initializer = keras.initializers.HeNormal(seed=keras.random.SeedGenerator(0))
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.assign(initializer(layer.kernel.shape))


def _adapt_normalization(network: keras.Model, model: keras.Model, images: NDArray[np.uint8]) -> None:
    """Gives every batch normalisation the mean and variance of what it takes for `images`, as training would have."""
    normalizations = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    kept = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0  # the statistics of the next batch alone
    model(images.astype(np.float32), training=True)
    for layer, momentum in zip(normalizations, kept, strict=True):
        layer.momentum = momentum


def _labels() -> tuple[str, ...]:
    """ImageNet's class names in the order of the outputs; numbers where Keras cannot fetch its list."""
    every = np.eye(1000, dtype=np.float32)
    try:
        return tuple(row[0][1] for row in keras.applications.imagenet_utils.decode_predictions(every, top=1))
    except Exception:  # as above
        return tuple(f"class {index}" for index in range(1000))
