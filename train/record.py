"""What is written beside a trained model: outputs on the test split, golden samples, the record."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data import Dataset, golden
from runtime.atomic import write_file
from runtime.errors import EdgeProofError
from train.device import device_name
from train.fit import Trained
from train.recipe import Recipe

Draw = Callable[[str, keras.Model, dict[str, list[float]], Dataset, NDArray[np.float32]], dict[str, bytes]]

GOLDEN_SEED = 2024
GOLDEN_POOL = 4096


def metric(dataset: Dataset, outputs: NDArray[np.float32], targets: NDArray[Any]) -> float:
    """Score outputs float32 [n, k]: accuracy as a fraction, or RMSE in the dataset's unit."""
    if dataset.metric == "accuracy":
        return float((outputs.argmax(axis=1) == targets).mean())
    return float(np.sqrt(np.mean((outputs[:, 0].astype(np.float64) - targets) ** 2)))


def record(
    recipe: Recipe, dataset: Dataset, trained: Trained, seed: int, folder: Path, draw: Draw
) -> dict[str, Any]:
    """Write ``model.keras``, ``reference.npz``, ``golden.npz``, the pictures and, last, ``training.json``.

    ``draw`` makes the pictures from name, model, history, dataset and outputs. Returns what stands in
    ``training.json``. The test split is read here, once. Every file appears whole or not at all; EdgeProofError
    when the folder cannot be written.
    """
    reference = _outputs(trained.model, dataset.test.inputs)
    inputs = golden_inputs(trained.model, dataset)
    files = {
        "model.keras": model_bytes(trained.model),
        "reference.npz": npz(outputs=reference),
        "golden.npz": npz(inputs=inputs, outputs=_outputs(trained.model, inputs)),
    }
    document = {
        "model": recipe.model,
        "task": dataset.task,
        "labels": None if dataset.labels is None else list(dataset.labels),
        "unit": dataset.unit,
        "input": dataset.input,
        "output": {"name": trained.model.output_names[0], "shape": list(reference.shape[1:])},
        "dataset": {
            "name": dataset.name,
            "sha256": dataset.sha256,
            **{split: len(getattr(dataset, split)) for split in ("train", "validation", "test")},
        },
        "recipe": asdict(recipe),
        "seed": seed,
        "versions": versions(),
        "backend": keras.backend.backend(),
        "device": device_name(),
        "history": trained.history,
        "metric": {
            "name": dataset.metric,
            "value": metric(dataset, reference, dataset.test.targets),
            "split": "test",
        },
        "parameters": trained.model.count_params(),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    files |= draw(recipe.model, trained.model, trained.history, dataset, reference)
    files["training.json"] = (json.dumps(document, indent=1) + "\n").encode()
    write(folder, files)
    return document


def golden_inputs(model: keras.Model, dataset: Dataset) -> NDArray[Any]:
    """Synthesise golden inputs [32, …] in the dataset's raw dtype, chosen by the answers of ``model``."""
    statistics = golden.table_statistics(dataset.train.inputs) if dataset.input["kind"] == "table" else None
    style = golden.STYLES.get(dataset.name)
    pool = golden.synthesise(dataset.input, GOLDEN_SEED, GOLDEN_POOL, style, statistics)
    return golden.choose(pool, _outputs(model, pool))


def _outputs(model: keras.Model, inputs: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(model.predict(inputs.astype(np.float32), batch_size=1000, verbose=0), np.float32)


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Write the files in their order; EdgeProofError when the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            write_file(folder / name, content)
    except OSError as error:
        message = f"cannot write {folder}: {error.strerror}; give a folder that can be written with --out"
        raise EdgeProofError(message) from error


def model_bytes(model: keras.Model) -> bytes:
    """The bytes of the model's `.keras` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def npz(**arrays: Any) -> bytes:
    """The bytes of a compressed `.npz` file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def versions() -> dict[str, str]:
    """The versions of what a model is trained with."""
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "keras": keras.__version__,
        backend: __import__(backend).__version__,
    }
