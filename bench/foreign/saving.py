"""Runs in a child process: builds models, each a job, and saves them with samples, as somebody else would hand over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from bench.foreign.foreign import FORMS, Foreign
from bench.foreign.models import MODELS
from bench.layers.jobs import serve
from export.formats.unsupported import inner_layers

_SEED = 4
_MODES = {"-1-1": "tf"}  # what Keras calls the pixels that a network was trained on


def save(job: dict[str, Any]) -> str | dict[str, Any]:
    """Saves the model named `name` into the folder `folder`; what to say where that fails."""
    row, folder = MODELS[job["name"]], Path(job["folder"])
    try:
        return _saved(row, folder)
    except Exception as error:  # whatever Keras comes up with is the answer
        return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _saved(row: Foreign, folder: Path) -> dict[str, Any]:
    """The model's path, that of its samples, and how many parameters it has."""
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(_SEED)
    model = row.build(keras)
    samples = row.samples()
    folder.mkdir(parents=True)
    path = folder / f"{row.name}{FORMS[row.form]}"
    if isinstance(model, keras.Model):
        _adapt_normalization(keras, model, _trained_on(keras, row, samples))
        if row.form == "SavedModel":
            model.export(path, verbose=False)
        else:
            model.save(path)
        parameters = model.count_params()
    else:
        import tensorflow as tf

        tf.saved_model.save(model, str(path), signatures=model.offered)
        parameters = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)
    np.savez(folder / "samples.npz", **samples)
    return {"path": str(path), "samples": str(folder / "samples.npz"), "parameters": parameters}


def _trained_on(keras: Any, row: Foreign, samples: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The samples as the model itself takes them: its pixels are scaled."""
    if row.pixels is None:
        return samples
    scaled = keras.applications.imagenet_utils.preprocess_input
    return {
        name: scaled(values.astype(np.float32), mode=_MODES[row.pixels]) for name, values in samples.items()
    }


def _adapt_normalization(keras: Any, model: Any, samples: dict[str, np.ndarray]) -> None:
    """Gives every batch normalisation the mean and variance of what it takes, as training would have."""
    found = [layer for layer in inner_layers(model) if isinstance(layer, keras.layers.BatchNormalization)]
    kept = [layer.momentum for layer in found]
    for layer in found:
        layer.momentum = 0.0  # the statistics of the next batch alone
    if found:
        model(samples if len(samples) > 1 else next(iter(samples.values())), training=True)
    for layer, momentum in zip(found, kept, strict=True):
        layer.momentum = momentum


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    serve(save)
