"""Saves a trained model: its folder with the record, its answers, golden samples and pictures."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data import Dataset, golden
from data.original import Original, keras_bytes, write_original
from data.trained_model import DatasetRecord, MetricRecord, TrainedModel
from runtime.bundle.manifest import OutputRecord
from runtime.measure.metric import metric, metric_name
from train.device import device_name
from train.fit import Fitted
from train.recipe import Recipe

Draw = Callable[[str, keras.Model, dict[str, list[float]], Dataset, NDArray[np.float32]], dict[str, bytes]]

GOLDEN_SEED = 2024
GOLDEN_POOL = 4096


def save(recipe: Recipe, dataset: Dataset, fitted: Fitted, seed: int, folder: Path, draw: Draw) -> Original:
    """Write the folder of a model that was trained by `recipe` on `dataset`; the test split is read here, once.

    Args:
        recipe: how it was trained.
        dataset: what it was trained on.
        fitted: the model and the figures of every epoch.
        seed: of the training.
        folder: where the files go.
        draw: makes the pictures, PNG bytes by file name, of name, model, history, dataset and the model's outputs
            on the test split, float32 [n, k].

    Raises:
        EdgeProofError: the folder cannot be written.
    """
    model = fitted.model
    reference = _outputs(model, dataset.test.inputs)
    inputs = golden_inputs(model, dataset)
    record = TrainedModel(
        model=recipe.model,
        task=dataset.task,
        labels=dataset.labels,
        unit=dataset.unit,
        inputs=(dataset.input,),
        outputs=(OutputRecord(model.output_names[0], reference.shape[1:]),),
        dataset=DatasetRecord(
            dataset.name, dataset.sha256, len(dataset.train), len(dataset.validation), len(dataset.test)
        ),
        recipe=asdict(recipe),
        seed=seed,
        versions=versions(),
        backend=keras.backend.backend(),
        device=device_name(),
        history={name: tuple(figures) for name, figures in fitted.history.items()},
        metric=MetricRecord(
            metric_name(dataset.task), metric(dataset.task, reference, dataset.test.targets), "test"
        ),
        parameters=model.count_params(),
    )
    return write_original(
        folder,
        record,
        keras_bytes(model),
        (inputs, _outputs(model, inputs)),
        reference,
        pictures=draw(recipe.model, model, fitted.history, dataset, reference),
    )


def golden_inputs(model: keras.Model, dataset: Dataset) -> NDArray[Any]:
    """Synthesise golden inputs [32, …] in the dataset's raw dtype, chosen by the answers of `model`."""
    statistics = golden.table_statistics(dataset.train.inputs) if dataset.input.kind == "table" else None
    style = golden.STYLES.get(dataset.name)
    pool = golden.synthesise(dataset.input, GOLDEN_SEED, GOLDEN_POOL, style, statistics)
    return golden.pick(pool, _outputs(model, pool))


def _outputs(model: keras.Model, inputs: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(model.predict(inputs.astype(np.float32), batch_size=1000, verbose=0), np.float32)


def versions() -> dict[str, str]:
    """The versions of what a model is trained with, by package."""
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "keras": keras.__version__,
        backend: __import__(backend).__version__,
    }
