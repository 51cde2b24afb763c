"""Training itself: compile, fit with callbacks, and give back the best model by the validation split."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data import Dataset
from train.batches import Batches, Shuffle
from train.models import build
from train.progress import ProgressBar
from train.recipes import Recipe


@dataclass(frozen=True)
class Trained:
    """A trained model (uncompiled, without augmentation) and the figures of every epoch."""

    model: keras.Model
    history: dict[str, list[float]]


def fit(recipe: Recipe, dataset: Dataset, seed: int, scratch: Path) -> Trained:
    """Train ``recipe`` on the training split, choosing by the validation split; the test split stays unread.

    ``scratch`` is a folder for checkpoints; it is made, and removed when the training has ended.
    """
    keras.utils.set_random_seed(seed)
    model = build(recipe, dataset)
    trainer = _with_augmentation(model, recipe, seed)
    targets = {split: _targets(recipe, dataset, split) for split in ("train", "validation")}
    batches = Batches(dataset.train.inputs, targets["train"], recipe.batch_size, seed)
    trainer.compile(
        optimizer=optimizer(recipe, steps=len(batches) * recipe.epochs),
        loss=loss(recipe),
        metrics=list(recipe.metrics),
        # A price's square and a regularizer's penalty are comparable only when the target's unit is taken out.
        loss_weights=[1 / float(dataset.train.targets.var())] if dataset.task == "regression" else None,
    )
    best = scratch / "best.weights.h5"
    scratch.mkdir(parents=True, exist_ok=True)
    progress = ProgressBar(recipe.model, recipe.epochs, len(batches))
    callbacks = [
        Shuffle(batches),
        keras.callbacks.ModelCheckpoint(
            str(best), monitor=recipe.monitor, save_best_only=True, save_weights_only=True
        ),
        progress,
    ]
    if recipe.patience is not None:
        callbacks.append(keras.callbacks.EarlyStopping(monitor=recipe.monitor, patience=recipe.patience))
    try:
        history = trainer.fit(
            batches,
            epochs=recipe.epochs,
            validation_data=(dataset.validation.inputs.astype(np.float32), targets["validation"]),
            validation_batch_size=1000,
            callbacks=callbacks,
            verbose=0,
        )
    finally:
        progress.close()
    trainer.load_weights(str(best))
    shutil.rmtree(scratch)
    figures = {name: [float(value) for value in values] for name, values in history.history.items()}
    return Trained(model, figures)


def _with_augmentation(model: keras.Model, recipe: Recipe, seed: int) -> keras.Model:
    """Put the augmentation layers before ``model``, for training only."""
    augmentation = [
        getattr(keras.layers, name)(seed=seed + number, **dict(arguments))
        for number, (name, arguments) in enumerate(recipe.augmentation)
    ]
    return keras.Sequential([keras.Input(model.input_shape[1:]), *augmentation, model])


def _targets(recipe: Recipe, dataset: Dataset, split: str) -> NDArray[Any]:
    """Give the targets in the form that the loss takes: one-hot, class indices or values [n, 1]."""
    targets = getattr(dataset, split).targets
    if dataset.task == "regression":
        return np.asarray(targets[:, np.newaxis], np.float32)
    if recipe.loss.startswith("sparse_"):
        return np.asarray(targets)
    assert dataset.labels is not None
    return np.asarray(np.eye(len(dataset.labels), dtype=np.float32)[targets])


def optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """Make the optimizer of ``recipe`` for a training of ``steps`` batches."""
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, decay_steps=steps)
    options = {} if recipe.weight_decay is None else {"weight_decay": recipe.weight_decay}
    return getattr(keras.optimizers, recipe.optimizer)(learning_rate=rate, **options)


def loss(recipe: Recipe) -> keras.losses.Loss:
    """Make the loss of ``recipe``."""
    found = keras.losses.get(recipe.loss)
    if recipe.label_smoothing:
        found = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
    return found
