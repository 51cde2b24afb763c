"""The trained model to SavedModel: the hub that every other variant is converted from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.original import Original
from data.trained_model import GOLDEN
from export.formats import layer_names
from export.formats.format import Conversion, Format
from export.formats.tracing import exportable, time_steps
from export.quantization.names import REPAIRS
from export.quantization.repairs import repair
from export.trained.original_model import OriginalModel, open_original

SIGNATURE = "serving_default"
_SAMPLES = 64  # that repairs are measured with


def float32(conversion: Conversion) -> tuple[str, ...]:
    """Writes the model as a SavedModel folder with one signature, `serving_default`, and a free batch.

    `conversion.source` is the trained model's folder.  The signature has the inputs and outputs of the record, in the
    dtypes that all files have at their edge; what stands before the model, as a scaling of pixels, is part of it.

    Returns:
        A sentence on what became of recurrent layers, a `TracedNote`, and on each repair of weights that was made for
        the sake of few bits.
    """
    original = Original(conversion.source, conversion.record)
    return from_original(open_original(original), conversion.destination, original, conversion.repairs)


def from_original(
    model: OriginalModel,
    folder: Path,
    original: Original | None = None,
    wanted: Collection[str] = tuple(REPAIRS),
) -> tuple[str, ...]:
    """Writes a trained model that is open as a SavedModel folder.

    Args:
        model: the model; its weights may be changed.
        folder: where it goes.
        original: where samples are that repairs of weights may be measured with.
        wanted: the names of the repairs that may be made.
    """
    notes: tuple[str, ...] = ()
    if model.keras is not None:
        repaired, notes = repair(model.keras, _samples(model, original), wanted)
        notes = (*time_steps.notes(model.keras), *notes)
        model = model if repaired is model.keras else model.with_keras(repaired)
    with exportable(), layer_names.kept(folder):
        _write(model, folder)
    return notes


def _samples(model: OriginalModel, original: Original | None) -> dict[str, np.ndarray]:
    """Some calibration samples that lie beside the model, else its golden inputs, as the model itself takes them."""
    if original is None or not (original.folder / GOLDEN).exists():
        return {}
    raw = original.calibration() or original.golden()[0]
    few = {name: rows[:_SAMPLES] for name, rows in raw.items()}
    return {name: np.asarray(values) for name, values in model.feed(model.edge(few)).items()}


def _write(model: OriginalModel, folder: Path) -> None:
    """Traces the model and writes it; the rewrites that are in force are traced with it."""
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
    """Writes a traced function with the variables that it uses and nothing else.

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
