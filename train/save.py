"""Saves a trained model: its folder with the record, its answers, golden samples and pictures."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from data import Dataset, golden
from data.dataset import Arrays
from data.original import Original, keras_bytes, write_original
from data.trained_model import MODEL, DatasetRecord, MetricRecord, TrainedModel
from runtime.measure.metric import metric, metric_name
from train.batches import alone
from train.device import device_name
from train.fit import Fitted
from train.recipe import Recipe
from train.streaming import one_step

Draw = Callable[[str, keras.Model, dict[str, list[float]], Dataset, Arrays], dict[str, bytes]]

GOLDEN_SEED = 2024
GOLDEN_POOL = 4096
# Of a stream, whose states only the model knows, so many samples are kept beside it to calibrate with.
KEPT = 512


def save(recipe: Recipe, dataset: Dataset, fitted: Fitted, seed: int, folder: Path, draw: Draw) -> Original:
    """Writes the folder of a model that was trained by `recipe` on `dataset`; the test split is read here, once.

    Args:
        recipe: how it was trained.
        dataset: what it was trained on.
        fitted: the model and the figures of every epoch.
        seed: of the training.
        folder: where the files go.
        draw: makes the pictures, PNG bytes by file name, of name, model, history, dataset and the model's outputs
            on the test split by name.

    Raises:
        EdgeProofError: the folder cannot be written.
    """
    model = fitted.model
    about = DatasetRecord(
        dataset.name, dataset.sha256, len(dataset.train), len(dataset.validation), len(dataset.test)
    )
    if recipe.streamed:
        model, dataset = one_step(model, dataset)
    reference = answers(model, dataset, dataset.test.inputs)
    inputs = golden_inputs(model, dataset)
    record = TrainedModel(
        model=recipe.model,
        inputs=dataset.inputs,
        outputs=dataset.outputs,
        dataset=about,
        recipe=asdict(recipe),
        seed=seed,
        versions=versions(),
        backend=keras.backend.backend(),
        device=device_name(),
        history={name: tuple(figures) for name, figures in fitted.history.items()},
        metrics={
            output.name: MetricRecord(
                str(metric_name(output.task)),
                metric(output, reference[output.name], dataset.test.targets[output.name]),
                "test",
            )
            for output in dataset.outputs
            if output.name in dataset.test.targets
        },
        parameters=model.count_params(),
    )
    return write_original(
        folder,
        record,
        {MODEL: keras_bytes(model), **dataset.vocabularies},
        (inputs, answers(model, dataset, inputs)),
        reference,
        {name: values[:KEPT] for name, values in dataset.train.inputs.items()} if recipe.streamed else None,
        dataset.test if recipe.streamed else None,
        draw(recipe.model, model, fitted.history, dataset, reference),
    )


def golden_inputs(model: keras.Model, dataset: Dataset) -> Arrays:
    """Synthesises golden inputs, raw by name, chosen by the answers of `model`."""
    train = dataset.train.inputs
    tables = [train[taken.name] for taken in dataset.inputs if taken.kind == "table"]
    like = golden.Likeness(
        style=golden.STYLES.get(dataset.name),
        tables=golden.table_statistics(np.concatenate(tables, axis=1)) if tables else None,
        spreads={
            taken.name: (train[taken.name].mean(axis=0), train[taken.name].std(axis=0))
            for taken in dataset.inputs
            if taken.kind in ("sequence", "tensor") and taken.dtype == "float"
        },
    )
    pool = golden.synthesise(dataset.inputs, GOLDEN_SEED, GOLDEN_POOL, like)
    wanted = golden.count(dataset.inputs, dataset.outputs)
    return golden.pick(pool, answers(model, dataset, pool), dataset.outputs, wanted)


def answers(model: keras.Model, dataset: Dataset, inputs: Arrays) -> Arrays:
    """What the model gives for raw inputs by name: float32 [n, …shape] by the names of the dataset's outputs."""
    feed = {taken.name: inputs[taken.name].astype(taken.tensor.dtype) for taken in dataset.inputs}
    found: Any = model.predict(alone(feed), batch_size=1000, verbose=0)
    named = found if isinstance(found, dict) else {dataset.outputs[0].name: found}
    return {output.name: np.asarray(named[output.name], np.float32) for output in dataset.outputs}


def versions() -> dict[str, str]:
    """The versions of what a model is trained with, by package."""
    backend = keras.backend.backend()
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "keras": keras.__version__,
        backend: __import__(backend).__version__,
    }
