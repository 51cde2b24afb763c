"""The trained model to SavedModel: the hub that every other variant is converted from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.original import Original
from export.formats.format import Conversion, Format
from export.formats.tracing import exportable
from export.quantization.equalize import equalize
from export.trained.original_model import OriginalModel, open_original

SIGNATURE = "serving_default"


def float32(conversion: Conversion) -> tuple[str, ...]:
    """Write the model as a SavedModel folder with one signature, `serving_default`, and a free batch.

    `conversion.source` is the trained model's folder.  The signature has the inputs and outputs of the record, in the
    dtypes that all files have at their edge; what stands before the model, as a scaling of pixels, is part of it.
    """
    from_original(open_original(Original(conversion.source, conversion.record)), conversion.destination)
    return ()


def from_original(model: OriginalModel, folder: Path) -> None:
    """Write a trained model that is open as a SavedModel folder."""
    if model.keras is not None:
        equalized = equalize(model.keras)
        model = model if equalized is model.keras else model.with_keras(equalized)
    with exportable():
        _write(model, folder)


def _write(model: OriginalModel, folder: Path) -> None:
    """Trace the model and write it; the rewrites that are in force are traced with it."""
    import tensorflow as tf

    names = [taken.name for taken in model.inputs]
    specs = [tf.TensorSpec(taken.tensor.shape, taken.tensor.dtype, name=taken.name) for taken in model.inputs]

    def serve(*values: Any) -> dict[str, Any]:
        return _apart(values, model.serve(dict(zip(names, values, strict=True))))

    if model.keras is None:
        _write_variables_alone(tf.function(serve, input_signature=specs), folder)
        return
    import keras

    # It tracks the variables that the endpoint uses; `track` would add lookup tables, which no converter takes.
    archive = keras.export.ExportArchive()
    archive.add_endpoint(SIGNATURE, serve, input_signature=specs)
    archive.write_out(str(folder), verbose=False)


def _apart(given: tuple[Any, ...], made: dict[str, Any]) -> dict[str, Any]:
    """The outputs, each a tensor of its own: one that is an input, or another output, is copied."""
    import tensorflow as tf

    taken = {id(value) for value in given}
    found = {}
    for name, value in made.items():
        found[name] = tf.identity(value) if id(value) in taken else value
        taken.add(id(value))
    return found


def _write_variables_alone(function: Any, folder: Path) -> None:
    """Write a traced function with the variables that it uses and nothing else.

    What else the SavedModel that it came from holds, as an optimizer or a lookup table that nothing asks, no converter
    takes.
    """
    import tensorflow as tf

    traced = function.get_concrete_function()
    module = tf.Module()
    module.used = list(traced.graph.variables)
    module.serve = function
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: traced})


class SavedModelBackend:
    """Runs a SavedModel through TensorFlow: the reference row of the report.  Export machine only: it is code."""

    engine = "tensorflow"

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self._tf = tf
        self._module = tf.saved_model.load(str(folder))
        self._serve = self._module.signatures[SIGNATURE]
        self.version = tf.__version__

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name for inputs by name, [n, …] each, in the dtypes of the signature."""
        answers = self._serve(**{name: self._tf.constant(value) for name, value in feeds.items()})
        return {name: np.asarray(value) for name, value in answers.items()}


SAVED_MODEL = Format(name="saved_model", suffix="", float32_source=None, converters={"float32": float32})
