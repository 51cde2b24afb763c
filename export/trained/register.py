"""Registers a user's own model: writes the folder that training writes too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from data import golden
from data.dataset import Arrays, Split
from data.original import Original, write_original
from data.trained_model import SAVED_MODEL, MetricRecord, TrainedModel
from export.checks.metrics import metric
from export.formats import unsupported
from export.trained import calibration_warnings, original_warnings
from export.trained.data_files.read import read
from export.trained.data_files.wanted import Wanted
from export.trained.describe import Described, describe
from export.trained.model_files.loaded import LoadedModel
from export.trained.names import by_public_name
from export.trained.original_model import OriginalModel
from export.trained.user_model import Data, UserModel
from runtime.errors import ConversionError, ModelError
from runtime.measure.machine import cpu_name
from runtime.measure.metric import in_scale_of, metric_name


@dataclass(frozen=True)
class Registered:
    """A user's model in its folder, and sentences for the user about what was found out and what looks wrong."""

    original: Original
    notes: tuple[str, ...]


def register(user: UserModel, folder: Path) -> Registered:
    """Writes a user's model to `folder`, in the files that training writes; runs in a worker with TensorFlow.

    Raises:
        ModelError: the file is no Keras model, or cannot be loaded; the layer that prevents it is named.
        UsageError: the model, the options and the data do not fit together, or edgeproof cannot export it.
        DataError: the data cannot be read, or do not fit the model.
        EdgeProofError: the folder cannot be written.
    """
    found = describe(user)
    model = found.model
    outputs = [output.name for output in model.outputs]
    scored = frozenset(by_public_name("--metric", user.metrics, found.names, outputs, "output"))
    wanted = Wanted(model.inputs, model.outputs, found.names, user.target_columns, found.vocabularies, scored)
    calibration = _read(user.calibration, wanted, "--calibration")
    test = _with_rebuilt(_read(user.test, wanted, "--test"), found)
    reference = None if test is None else model.call(test.inputs)
    chosen = _golden(found, calibration, test, reference)
    record = TrainedModel(
        model=folder.name,
        inputs=model.inputs,
        outputs=model.outputs,
        versions={name: version(name) for name in ("keras", "tensorflow", "numpy")},
        device=cpu_name(),
        parameters=_parameters(model.loaded),
        source=model.source,
        refused=_refused(model.loaded),
        metrics=_metrics(model, test, reference, scored),
    )
    answers = model.call(chosen)
    original = write_original(
        folder,
        record,
        _files(user.path, model.source.file) | dict(found.vocabularies),
        (chosen, answers),
        reference,
        None if calibration is None else calibration.inputs,
        test,
    )
    notes = (
        *found.notes,
        *original_warnings.no_probabilities(model.outputs, answers),
        *_notes_on_data(found, calibration, test, record.metrics),
    )
    return Registered(original, notes)


def _read(data: Data | None, wanted: Wanted, option: str) -> Split | None:
    return None if data is None else read(data, wanted, option)


def _with_rebuilt(test: Split | None, found: Described) -> Split | None:
    """The test data, with what a reconstruction is compared with: its input, in the scale that the model works in."""
    if test is None:
        return None
    targets = dict(test.targets)
    for output in found.model.outputs:
        if output.input is not None and output.name not in targets:
            targets[output.name] = in_scale_of(output, test.inputs[output.input]).astype(np.float32)
    return Split(test.inputs, targets)


def _golden(
    found: Described, calibration: Split | None, test: Split | None, reference: Arrays | None
) -> Arrays:
    """Golden inputs out of the user's own data, or synthetic ones where there are none."""
    model = found.model
    wanted = golden.count(model.inputs, model.outputs)
    if test is not None and reference is not None:
        pool, answers = test.inputs, reference
    else:
        pool = (
            found.pool
            if calibration is None
            else _some(calibration.inputs, len(next(iter(found.pool.values()))))
        )
        answers = model.call(pool)
    chosen = golden.pick(pool, answers, model.outputs, wanted)
    if not len(next(iter(chosen.values()))):
        raise ModelError(
            f"{model.loaded.path.name} answers NaN or infinity to every input that was tried; give inputs that it can "
            "answer with --test or --calibration"
        )
    return chosen


def _some(arrays: Arrays, most: int) -> Arrays:
    """So many rows at most, evenly over all."""
    count = len(next(iter(arrays.values())))
    places = np.linspace(0, count - 1, min(count, most)).round().astype(int)
    return {name: values[places] for name, values in arrays.items()}


def _metrics(
    model: OriginalModel, test: Split | None, reference: Arrays | None, scored: Set[str]
) -> dict[str, MetricRecord]:
    """The original's own metrics, but for the outputs that have one of the user's own."""
    if test is None or reference is None:
        return {}
    return {
        output.name: MetricRecord(
            str(metric_name(output.task)),
            metric(output, reference[output.name], test.targets[output.name]),
            "samples",
        )
        for output in model.outputs
        if output.name in test.targets and output.name not in scored
    }


def _refused(loaded: LoadedModel) -> dict[str, str]:
    """By format, why a Keras model has no form there."""
    found = {}
    for format_ in ("tflite", "onnx") if loaded.keras is not None else ():
        try:
            unsupported.check(loaded.keras, format_)
        except ConversionError as error:
            found[format_] = str(error)
    return found


def _parameters(loaded: LoadedModel) -> int:
    if loaded.keras is not None:
        return int(loaded.keras.count_params())
    return sum(math.prod(variable.shape) for variable in loaded.signature.variables)


def _files(path: Path, file: str) -> dict[str, bytes]:
    """The user's own file or files, unchanged, under their names in the folder."""
    if file != SAVED_MODEL:
        return {file: path.read_bytes()}
    return {
        f"{SAVED_MODEL}/{inner.relative_to(path).as_posix()}": inner.read_bytes()
        for inner in sorted(path.rglob("*"))
        if inner.is_file()
    }


def _notes_on_data(
    found: Described, calibration: Split | None, test: Split | None, metrics: Mapping[str, MetricRecord]
) -> list[str]:
    """What looks wrong with the data, or is missing in them."""
    notes = []
    model = found.model
    if calibration is not None:
        warning = calibration_warnings.warning(calibration, model.inputs, model.outputs, found.first)
        notes += [warning] if warning else []
    if test is not None:
        notes += original_warnings.no_better_than_constant(model.outputs, test.targets, metrics)
    unlabelled = [
        output.name
        for output in model.outputs
        if test is not None and metric_name(output.task) is not None and output.name not in test.targets
    ]
    if unlabelled:
        notes.append(
            f"the test data have no targets for {', '.join(unlabelled)}: what its files lose is not compared with a "
            "budget"
        )
    return notes
