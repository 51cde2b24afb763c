"""Registers a user's own model: finds out what it takes and gives, and writes the folder that training writes too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from data import Split, golden
from data.arrays import read_npz
from data.dataset import image_input, table_input
from data.original import Original, keras_bytes, write_original
from data.trained_model import MetricRecord, TrainedModel
from export.chunks import chunks
from export.formats import unsupported
from export.trained.model_files.load import load
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import DataError, InputError, UsageError
from runtime.measure.machine import cpu_name
from runtime.measure.metric import metric, metric_name

SUFFIXES = (".keras", ".h5", ".hdf5")
SEED = 7
POOL, POOL_ELEMENTS = 512, 1 << 23  # golden inputs are chosen among so many, fewer where one is large


@dataclass(frozen=True)
class UserModel:
    """A model of the user's own: its file, and what the user said of it.

    Attributes:
        path: the `.keras`, `.h5` or `.hdf5` file, of Keras 2 or 3.
        samples: an `.npz` file with the raw arrays calibration, inputs and targets.
        labels: the classes of a classifier, in the order of its outputs.
        unit: the unit of a regressor's value.
        pixels: what the model takes, "0-255" or "0-1"; None for a table. For 0-1 the scaling becomes part of the
            exported model, so that it cannot be forgotten on the device.
        custom_objects: where the user's own layers are found: MODULE:NAME, or LAYER=MODULE:NAME.
    """

    path: Path
    samples: Path | None = None
    labels: tuple[str, ...] | None = None
    unit: str | None = None
    pixels: str | None = None
    custom_objects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Samples:
    """The user's samples, raw: calibration inputs [n, …] and labelled test data, and the file they come from."""

    path: Path
    calibration: np.ndarray
    test_data: Split


def register(user: UserModel, folder: Path) -> Original:
    """Write a user's model to `folder`, in the files that training writes; runs in a worker with TensorFlow.

    Raises:
        ModelError: the file is no Keras model, or cannot be loaded; the layer that prevents it is named.
        ConversionError: neither format can express one of its layers.
        UsageError: the model, the options and the labels do not fit together, or edgeproof cannot export it.
        DataError: the samples cannot be read, or do not fit the model.
        EdgeProofError: the folder cannot be written.
    """
    loaded = load(user.path, user.custom_objects).keras
    for format_ in ("tflite", "onnx"):
        unsupported.check(loaded, format_)
    model, takes = _with_raw_input(loaded, user)
    gives, task = _output(model, user)
    samples = None if user.samples is None else read_samples(user.samples, takes)
    inputs = golden.synthesise(takes, SEED, _pool(takes)) if samples is None else samples.test_data.inputs
    outputs = _predict(model, inputs)
    chosen = golden.pick(inputs, outputs)
    labels = user.labels or tuple(map(str, range(gives.shape[0])))
    record = TrainedModel(
        model=folder.name,
        task=task,
        labels=labels if task == "classification" else None,
        unit=user.unit,
        inputs=(takes,),
        outputs=(gives,),
        versions={name: version(name) for name in ("keras", "tensorflow", "numpy")},
        device=cpu_name(),
        parameters=model.count_params(),
        metric=None if samples is None else _metric(task, outputs, samples),
        custom_objects=user.custom_objects,
    )
    content = keras_bytes(model), (chosen, _predict(model, chosen))
    if samples is None:
        return write_original(folder, record, *content)
    return write_original(folder, record, *content, outputs, samples.calibration, samples.test_data)


def _with_raw_input(model: Any, user: UserModel) -> tuple[Any, InputRecord]:
    """The model as it takes raw values, and what these are."""
    import keras

    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UsageError(
            f"{user.path.name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; edgeproof exports "
            "models with one of each"
        )
    shape = tuple(model.inputs[0].shape[1:])
    if any(size is None for size in shape):
        raise UsageError(f"{user.path.name} takes inputs of the shape {shape}; only the batch may be unknown")
    if len(shape) == 1:
        return model, table_input([f"column {index}" for index in range(shape[0])])
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        raise UsageError(
            f"{user.path.name} takes inputs of the shape {list(shape)}; edgeproof exports models of tables "
            "[columns] and of images [height, width] or [height, width, 1 or 3]"
        )
    if user.pixels is None:
        raise UsageError(
            f"{user.path.name} takes images, and the file does not say of which pixels: add --pixels 0-255 if it was "
            "trained on raw pixels, --pixels 0-1 if they were divided by 255"
        )
    image = (shape[0], shape[1], shape[2] if len(shape) == 3 else 1)
    first = values = keras.Input(image, name="image")
    if user.pixels == "0-1":
        values = keras.layers.Rescaling(1 / 255)(values)
    if len(shape) == 2:
        values = keras.layers.Reshape(shape)(values)
    whole = keras.Model(first, model(values), name=user.path.stem.replace("-", "_"))
    return whole, image_input(image, high=255)


def _output(model: Any, user: UserModel) -> tuple[OutputRecord, str]:
    """What the model gives, and its task: several outputs are classes, a single one is a value."""
    shape = tuple(model.outputs[0].shape[1:])
    if len(shape) != 1:
        raise UsageError(
            f"{user.path.name} gives outputs of the shape {list(shape)}; expected [classes] or [1]"
        )
    if shape[0] == 1:
        if user.labels:
            raise UsageError(
                f"--labels names {len(user.labels)} classes, but {user.path.name} gives one value"
            )
        return OutputRecord("value", (1,)), "regression"
    if user.labels and len(user.labels) != shape[0]:
        raise UsageError(f"--labels names {len(user.labels)} classes, {user.path.name} has {shape[0]}")
    return OutputRecord("probabilities", shape), "classification"


def read_samples(path: Path, takes: InputRecord) -> Samples:
    """The samples in the user's `.npz` file: images uint8 [n, height, width, channels], rows float32 [n, columns].

    Raises:
        DataError: the file cannot be read, lacks an array, or does not fit what the model takes.
    """
    remedy = "write it with numpy.savez(FILE, calibration=…, inputs=…, targets=…)"
    arrays = read_npz(path, ("calibration", "inputs", "targets"), DataError, remedy)
    calibration, inputs = (_raw(arrays[name], name, path, takes) for name in ("calibration", "inputs"))
    targets = arrays["targets"]
    if targets.size != len(inputs) or targets.shape[:1] != (len(inputs),):
        raise DataError(
            f"{path}: {len(inputs)} inputs, but targets of the shape {list(targets.shape)}; give one target for each "
            "input"
        )
    return Samples(path, calibration, Split(inputs, targets.reshape(len(inputs))))


def _raw(values: np.ndarray, name: str, path: Path, takes: InputRecord) -> np.ndarray:
    """One array of the samples, [n, *shape]; `name` is for the error."""
    if takes.kind == "image" and values.dtype != np.uint8:
        raise DataError(f"{path}: {name} is {values.dtype}; give raw uint8 pixels from 0 to 255")
    if values.dtype.kind not in "fiu":
        raise DataError(f"{path}: {name} is {values.dtype}; give numbers")
    rows = len(values) if values.ndim else 0
    if not rows or values.size != rows * math.prod(takes.shape):
        raise DataError(
            f"{path}: {name} has the shape {list(values.shape)}; expected [n, {', '.join(map(str, takes.shape))}]"
        )
    return values.reshape(rows, *takes.shape).astype(np.uint8 if takes.kind == "image" else np.float32)


def _metric(task: str, outputs: np.ndarray, samples: Samples) -> MetricRecord:
    try:
        return MetricRecord(metric_name(task), metric(task, outputs, samples.test_data.targets), "samples")
    except InputError as error:
        raise DataError(f"{samples.path}: {error}") from error


def _predict(model: Any, inputs: np.ndarray) -> np.ndarray:
    return np.concatenate([model.predict_on_batch(chunk.astype(np.float32)) for chunk in chunks(inputs)])


def _pool(takes: InputRecord) -> int:
    return min(POOL, max(golden.COUNT, POOL_ELEMENTS // math.prod(takes.shape)))
