"""A user's own model: load it once, find out what it takes and gives, and record it as train records its models."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from data import golden
from export.conversion import chunks
from export.original import RECORD, load_arrays
from export.saved_model import load_keras
from runtime.atomic import write_file
from runtime.errors import InputError, UsageError
from runtime.machine import cpu_name
from runtime.metric import metric

SUFFIXES = (".keras", ".h5")
SEED = 7
POOL, POOL_ELEMENTS = 512, 1 << 23  # golden inputs are chosen among so many, fewer where one is large


@dataclass(frozen=True)
class Request:
    """What the user said of a model: its file, samples, labels, unit, and what its pixels are.

    `pixels` is "0-255" or "0-1": what the model takes.  For 0-1 edgeproof puts the scaling into the exported model,
    so that it cannot be forgotten on the device.  None for a table.
    """

    path: Path
    samples: Path | None = None
    labels: tuple[str, ...] | None = None
    unit: str | None = None
    pixels: str | None = None


def adopt(request: Request, folder: Path) -> None:
    """Record a user's model in `folder`, in the files that train writes; runs in a worker with TensorFlow.

    Raises:
        BundleError: the file is no Keras model, or the samples cannot be read.
        UsageError, InputError: the model, the options or the samples do not fit together.
    """
    model, wanted = _with_raw_input(load_keras(request.path), request)
    given, task = _output(model, request)
    samples = _samples(request, wanted)
    inputs = golden.synthesise(wanted, SEED, _pool(wanted)) if samples is None else samples["inputs"]
    outputs = _predict(model, inputs)
    chosen = golden.choose(inputs, outputs)
    files = {
        "model.keras": _saved(model, folder),
        "golden.npz": _arrays(inputs=chosen, outputs=_predict(model, chosen)),
    }
    value = None
    if samples is not None:
        files |= {"samples.npz": _arrays(**samples), "reference.npz": _arrays(outputs=outputs)}
        value = metric(task, outputs, samples["targets"])
    record = {
        "model": folder.name,
        "task": task,
        "labels": list(request.labels or map(str, range(given["shape"][0])))
        if task == "classification"
        else None,
        "unit": request.unit,
        "input": wanted,
        "output": given,
        "dataset": None,
        "recipe": None,
        "versions": {name: version(name) for name in ("keras", "tensorflow", "numpy")},
        "device": cpu_name(),
        "parameters": model.count_params(),
        "metric": None
        if value is None
        else {"name": "accuracy" if task == "classification" else "rmse", "value": value, "split": "samples"},
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    # The record last: without it the folder holds no model.
    for name, content in files.items():
        write_file(folder / name, content)
    write_file(folder / RECORD, (json.dumps(record, indent=1) + "\n").encode())


def _with_raw_input(model: Any, request: Request) -> tuple[Any, dict[str, Any]]:
    """The model as it takes raw values, and the record of its input."""
    import keras

    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UsageError(
            f"{request.path.name} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; edgeproof exports "
            "models with one of each"
        )
    shape = tuple(model.inputs[0].shape[1:])
    if any(size is None for size in shape):
        raise UsageError(
            f"{request.path.name} takes inputs of the shape {shape}; only the batch may be unknown"
        )
    if len(shape) == 1:
        columns = [f"column {index}" for index in range(shape[0])]
        return model, {
            "kind": "table",
            "name": "rows",
            "shape": list(shape),
            "dtype": "float",
            "columns": columns,
        }
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] not in (1, 3)):
        raise UsageError(
            f"{request.path.name} takes inputs of the shape {list(shape)}; edgeproof exports models of tables "
            "[columns] and of images [height, width] or [height, width, 1 or 3]"
        )
    if request.pixels is None:
        raise UsageError(
            f"{request.path.name} takes images, but not even the file says which: add --pixels 0-255 if it was "
            "trained on raw pixels, --pixels 0-1 if they were divided by 255"
        )
    image = (*shape, 1)[:3]
    first = values = keras.Input(image, name="image")
    if request.pixels == "0-1":
        values = keras.layers.Rescaling(1 / 255)(values)
    if len(shape) == 2:
        values = keras.layers.Reshape(shape)(values)
    record = {"kind": "image", "name": "image", "shape": list(image), "dtype": "uint8", "low": 0, "high": 255}
    return keras.Model(first, model(values), name=request.path.stem.replace("-", "_")), record


def _output(model: Any, request: Request) -> tuple[dict[str, Any], str]:
    """The record of the output, and the task: several outputs are classes, a single one is a value."""
    shape = tuple(model.outputs[0].shape[1:])
    if len(shape) != 1:
        raise UsageError(
            f"{request.path.name} gives outputs of the shape {list(shape)}; expected [classes] or [1]"
        )
    if shape[0] == 1:
        if request.labels:
            raise UsageError(
                f"--labels names {len(request.labels)} classes, but {request.path.name} gives one value"
            )
        return {"name": "value", "shape": [1]}, "regression"
    if request.labels and len(request.labels) != shape[0]:
        raise UsageError(f"--labels names {len(request.labels)} classes, {request.path.name} has {shape[0]}")
    return {"name": "probabilities", "shape": list(shape)}, "classification"


def _samples(request: Request, wanted: dict[str, Any]) -> dict[str, np.ndarray] | None:
    """The user's samples: raw calibration inputs, raw test inputs and their targets; None if none were given."""
    if request.samples is None:
        return None
    arrays = load_arrays(request.samples, "calibration", "inputs", "targets")
    dtype = np.dtype(np.uint8 if wanted["kind"] == "image" else np.float32)
    for name in ("calibration", "inputs"):
        values = arrays[name]
        if wanted["kind"] == "image" and values.dtype != np.uint8:
            raise InputError(
                f"{request.samples}: {name} is {values.dtype}; give raw uint8 pixels from 0 to 255"
            )
        if values.size == 0 or values[0].size != np.prod(wanted["shape"]):
            raise InputError(
                f"{request.samples}: {name} has the shape {list(values.shape)}; expected [n, "
                f"{', '.join(map(str, wanted['shape']))}]"
            )
        arrays[name] = values.reshape(-1, *wanted["shape"]).astype(dtype)
    if arrays["targets"].shape[:1] != arrays["inputs"].shape[:1]:
        raise InputError(
            f"{request.samples}: {len(arrays['inputs'])} inputs, but targets of the shape "
            f"{list(arrays['targets'].shape)}; give one target for each input"
        )
    arrays["targets"] = arrays["targets"].reshape(len(arrays["inputs"]))
    return arrays


def _predict(model: Any, inputs: np.ndarray) -> np.ndarray:
    return np.concatenate([model.predict_on_batch(chunk.astype(np.float32)) for chunk in chunks(inputs)])


def _pool(wanted: dict[str, Any]) -> int:
    return min(POOL, max(golden.COUNT, POOL_ELEMENTS // int(np.prod(wanted["shape"]))))


def _saved(model: Any, folder: Path) -> bytes:
    """The bytes of the model's `.keras` file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".model.keras"  # Keras insists on the suffix
    try:
        model.save(path)
        return path.read_bytes()
    finally:
        path.unlink(missing_ok=True)


def _arrays(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()
