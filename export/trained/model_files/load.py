"""Loads any trained model: a `.keras` or `.h5` file, or a SavedModel folder."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.formats.older_keras import for_installed
from export.trained.model_files import build, config, h5, keras2, keras_zip, saved_model, scopes
from export.trained.model_files.custom_objects import imported
from export.trained.model_files.loaded import LoadedModel, Tensor
from export.trained.model_files.losses import by_output
from runtime.errors import EdgeProofError, ModelError, UsageError, first_line

_EXPECTED = "expected a .keras or .h5 file, or a SavedModel folder"
_HDF5 = b"\x89HDF\r\n\x1a\n"


def load(
    path: Path | str,
    custom_objects: Sequence[str] = (),
    signature: str | None = None,
    shapes: build.Shapes | None = None,
    *,
    free_batch: bool = False,
) -> LoadedModel:
    """The model for inference.  No code out of the file is run: a Lambda layer needs the user's own function.

    `custom_objects` are texts `MODULE:NAME` or `LAYER=MODULE:NAME`, the user's code; `signature` is the signature of
    a SavedModel (`serving_default`); `shapes` are by input name, the batch first, and fix sizes that the file leaves
    open, except the batch; `free_batch` lets a Keras file that is fixed to one batch take any.

    Raises:
        ModelError: there is no model, it is damaged, or something in it cannot be loaded; the layer is named.
        UsageError: an option does not fit the file.
    """
    path = Path(path)
    if not path.exists():
        raise ModelError(f"{path} does not exist; {_EXPECTED}")
    if path.is_dir():
        if custom_objects:
            raise UsageError(
                f"--custom-objects is for Keras files; {path} is a folder, and a SavedModel is whole"
            )
        return saved_model.load(path, signature, shapes or {})
    if signature is not None:
        raise UsageError(f"--signature {signature} is for SavedModel folders; {path} is a file")
    try:
        return _keras(path, custom_objects, shapes or {}, free_batch)
    except EdgeProofError:
        raise
    except Exception as error:  # zipfile, json, h5py and Keras each raise their own about a damaged file
        raise ModelError(
            f"{path.name} is not a Keras model, or is damaged ({type(error).__name__}: {first_line(error)}); "
            f"{_EXPECTED}"
        ) from error


def _keras(path: Path, custom_objects: Sequence[str], shapes: build.Shapes, free_batch: bool) -> LoadedModel:
    """The model in a Keras file, whatever the file is called."""
    import keras

    if zipfile.is_zipfile(path):
        read, built = keras_zip.read, build.from_zip
    elif _starts_with(path, _HDF5):
        read, built = h5.read, build.from_h5
    else:
        raise ModelError(f"{path.name} is not a Keras model, or is damaged; {_EXPECTED}")
    keras2.register()
    scopes.accept_any_name()
    objects = imported(custom_objects)
    saved, recorded = read(path)
    entry = for_installed(saved)
    # What the user's module registers with Keras while it is imported is the user's code too.
    config.refuse_foreign_code(entry, path.name, {*objects, *keras.saving.get_custom_objects()})
    config.refuse_quantized(entry, path.name)
    note = config.to_float32(entry)
    if free_batch:
        config.free_batch(entry)
    build.declare_input(entry, shapes, path.name)
    model = built(path, entry, objects)
    weights = len(model.variables)
    found = build.symbolic(model, shapes, path.name)
    if len(model.variables) != weights:
        raise ModelError(
            f"{path.name} was saved before its model was built, so it holds no trained weights; train the model, or "
            "call it once on data before its weights are loaded, and save it again"
        )
    return LoadedModel(
        path,
        _tensors(found.inputs, found.model.inputs),
        _tensors(found.outputs, found.model.outputs),
        found.serve,
        keras=found.model,
        losses=by_output(recorded.loss, list(found.outputs)),
        keras_version=recorded.keras_version,
        notes=(note,) if note else (),
    )


def _tensors(names: tuple[str, ...], symbols: list[Any]) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(name, str(symbol.dtype), tuple(symbol.shape))
        for name, symbol in zip(names, symbols, strict=True)
    )


def _starts_with(path: Path, magic: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(magic)) == magic
