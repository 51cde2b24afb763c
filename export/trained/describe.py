"""Finds out what a user's model takes and gives: the file, its first and last layers, and the user's options."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np

from data import golden
from data.dataset import Arrays
from data.trained_model import MODEL, MODEL_H5, SAVED_MODEL, Source
from export.library_errors import in_words
from export.trained.data_files.read import Told, told
from export.trained.first_layers import FirstLayers, first_layers
from export.trained.first_ops import first_ops
from export.trained.free_batch import with_free_batch
from export.trained.inputs import check_tensors, find_inputs
from export.trained.model_files.load import load
from export.trained.model_files.loaded import LoadedModel
from export.trained.names import Names, public_names
from export.trained.original_model import OriginalModel
from export.trained.outputs import find_outputs
from export.trained.rebuilt import with_scale
from export.trained.user_model import UserModel
from runtime.errors import ModelError, UsageError

SEED = 7
_POOL, _POOL_ELEMENTS = 512, 1 << 23  # golden inputs are chosen among so many, fewer where one is large
_TRIED = 3  # rows; a number that no other size of a model is likely to have


@dataclass(frozen=True)
class Described:
    """A user's model, and all that was found out of it.

    Attributes:
        model: ready to answer under its public names.
        names: the public names, and the model's own.
        first: the first layers of each input, by public name.
        pool: synthetic raw inputs, [n, …] by name.
        vocabularies: by file name, the content of the words of texts.
        notes: sentences for the user.
    """

    model: OriginalModel
    names: Names
    first: Mapping[str, FirstLayers]
    pool: Arrays
    vocabularies: Mapping[str, bytes]
    notes: tuple[str, ...]


def describe(user: UserModel) -> Described:
    """Finds out everything about a user's model that an export needs.

    Raises:
        ModelError: the file cannot be loaded, or the model cannot answer; the layer that prevents it is named.
        UsageError: the model and the options do not fit together, or no device can take what the model takes.
        DataError: the user's data or vocabulary cannot be read.
    """
    shapes = {name: (None, *shape[1:]) for name, shape in user.shapes.items()}
    loaded = load(user.path, user.custom_objects, user.signature, shapes)
    check_tensors(loaded)
    names = public_names([one.name for one in loaded.inputs], [one.name for one in loaded.outputs])
    first = dict(zip(names.inputs, _first_layers(loaded), strict=True))
    said = _told(user, names)
    inputs = find_inputs(loaded, names, first, user, said.columns, said.pictures)
    source = Source(
        file=_file(user.path),
        custom_objects=user.custom_objects,
        signature=user.signature,
        shapes=shapes,
        names=names.renamed,
        pixels=inputs.pixels,
    )
    model = OriginalModel(loaded, tuple(inputs.records), (), source)
    pool = golden.synthesise(model.inputs, SEED, _pool_rows(model), _likeness(model, first))
    model = with_free_batch(model, pool)
    model = replace(model, loaded=_with_output_shapes(model, pool))
    outputs, notes = find_outputs(
        model.loaded, names, model.inputs, user, said.classes, user.target_columns or None, said.targets
    )
    taken = {record.name: record for record in model.inputs}
    outputs = [
        with_scale(output, taken[output.input], inputs.pixels.get(output.input), first[output.input])
        if output.input
        else output
        for output in outputs
    ]
    return Described(
        replace(model, outputs=tuple(outputs)),
        names,
        first,
        pool,
        inputs.vocabularies,
        (*loaded.notes, *inputs.notes, *notes),
    )


def _told(user: UserModel, names: Names) -> Told:
    """What the test and calibration data say of the model; the first of them that says something of a thing."""
    test, calibration = (told(data, user.target_columns, names) for data in (user.test, user.calibration))
    return Told(
        test.columns or calibration.columns,
        test.classes or calibration.classes,
        test.pictures or calibration.pictures,
        test.targets or calibration.targets,
    )


def _first_layers(loaded: LoadedModel) -> tuple[FirstLayers, ...]:
    """The first layers, or what stands for them in a SavedModel, in the order of the loaded inputs."""
    return first_ops(loaded.signature) if loaded.keras is None else first_layers(loaded.keras)


def _file(path: Path) -> str:
    if path.is_dir():
        return SAVED_MODEL
    return MODEL if is_zipfile(path) else MODEL_H5


def _pool_rows(model: OriginalModel) -> int:
    largest = max(math.prod(taken.shape) for taken in model.inputs)
    return min(_POOL, max(golden.MOST, _POOL_ELEMENTS // max(1, largest)))


def _likeness(model: OriginalModel, first: Mapping[str, FirstLayers]) -> golden.Likeness:
    """Values where a normalisation expects them."""
    spreads = {taken.name: first[taken.name].spread(taken.shape) for taken in model.inputs}
    return golden.Likeness(spreads={name: spread for name, spread in spreads.items() if spread is not None})


def _with_output_shapes(model: OriginalModel, pool: Arrays) -> LoadedModel:
    """The loaded model with the shapes that its answers have, which its file may leave open.

    Raises:
        ModelError: it does not answer, or not with a row for each row.
    """
    loaded, file = model.loaded, model.loaded.path.name
    rows = model.edge({name: values[:_TRIED] for name, values in pool.items()})
    try:
        answers: dict[str, Any] = loaded.serve(model.feed(rows))
    except Exception as error:  # whatever a layer or TensorFlow raises
        raise ModelError(
            f"{file} does not answer inputs of its own shapes ({in_words(error)}); give inputs that it can "
            "take with --test"
        ) from error
    shapes = {name: np.shape(answer) for name, answer in answers.items()}
    for name, shape in shapes.items():
        if shape[:1] != (_TRIED,):
            raise UsageError(
                f"{file}: its output {name!r} has the shape {list(shape)} for {_TRIED} rows; an exported model gives a "
                "row of each output for each row of its inputs: leave that output out"
            )
    return replace(
        loaded, outputs=tuple(replace(one, shape=(None, *shapes[one.name][1:])) for one in loaded.outputs)
    )
