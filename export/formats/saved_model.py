"""Keras to SavedModel: the hub that every other variant is converted from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from export.formats.format import Conversion, Format
from export.formats.older_keras import readable
from export.formats.tracing import exportable
from export.quantization.equalize import equalize
from export.trained.model_files import keras2
from export.trained.model_files.load import load
from runtime.errors import ModelError


def load_keras(path: Path, custom_objects: tuple[str, ...] = ()) -> Any:
    """The trained model in the `.keras` file of a trained model's folder; code inside it (Lambda layers) is refused.

    Raises:
        ModelError: the file cannot be read as a Keras model.
        UsageError: one of the custom objects cannot be imported.
    """
    import keras

    if custom_objects:
        return load(path, custom_objects).keras
    keras2.register()
    try:
        with readable(path) as file:
            return keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:
        raise ModelError(
            f"{path} is not a Keras model that can be loaded: {' '.join(str(error).split())[:300]}; "
            "save it again with model.save('model.keras'), without Lambda layers"
        ) from error


def float32(conversion: Conversion) -> None:
    """Write the model as a SavedModel folder with one signature, `serving_default`, and a symbolic batch."""
    import keras
    import tensorflow as tf

    model = equalize(load_keras(conversion.source, conversion.custom_objects))
    spec = tf.TensorSpec((None, *conversion.input_shape), tf.float32, name=conversion.input_name)

    def serve(values: Any) -> dict[str, Any]:
        return {conversion.output_name: model(values, training=False)}

    # It tracks the variables that the endpoint uses; `track` would add lookup tables, which no converter takes.
    archive = keras.export.ExportArchive()
    with exportable():
        archive.add_endpoint("serving_default", serve, input_signature=[spec])
        archive.write_out(str(conversion.destination), verbose=False)


class SavedModelBackend:
    """Runs a SavedModel through TensorFlow: the reference row of the report.  Export machine only: it is code."""

    engine = "tensorflow"

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self._tf = tf
        self._module = tf.saved_model.load(str(folder))
        self._serve = self._module.signatures["serving_default"]
        self.version = tf.__version__

    def run(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name (float32, batch first) for inputs by name (float32, batch first)."""
        answers = self._serve(**{name: self._tf.constant(value) for name, value in feed.items()})
        return {name: np.asarray(value) for name, value in answers.items()}


SAVED_MODEL = Format(name="saved_model", suffix="", float32_source=None, converters={"float32": float32})
