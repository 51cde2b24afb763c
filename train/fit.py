"""Training itself: compile, fit with callbacks, and give back the best model by the validation split."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data import Dataset
from train import keras_objects
from train.batches import Batches, Shuffle
from train.callbacks import from_recipe, loggers
from train.checkpoint import Checkpoint
from train.models import build
from train.progress import ProgressBar
from train.recipe import Recipe


@dataclass(frozen=True)
class Fitted:
    """A trained model (uncompiled, without augmentation) and the figures of every epoch."""

    model: keras.Model
    history: dict[str, list[float]]


@dataclass(frozen=True)
class Run:
    """What one training takes besides recipe and data: where its state goes, what it logs, how it begins."""

    seed: int
    state: Path
    resume: bool = False
    csv_log: Path | None = None
    tensorboard: Path | None = None
    extra: tuple[keras.callbacks.Callback, ...] = field(default=())


def fit(recipe: Recipe, dataset: Dataset, run: Run) -> Fitted:
    """Train `recipe` on the training split, choosing by the validation split; the test split stays unread.

    `run.state` is a folder for the state of the training: made here, removed when the training has ended, left
    behind by an interruption, and taken up again with `run.resume`.
    """
    keras.utils.set_random_seed(run.seed)
    model = build(recipe, dataset)
    batches = Batches(dataset.train.inputs, targets(recipe, dataset, "train"), recipe.batch_size, run.seed)
    trainer = _with_augmentation(model, recipe, run.seed)
    trainer.compile(
        optimizer=keras_objects.optimizer(recipe, len(batches)),
        loss=keras_objects.loss(recipe),
        metrics=keras_objects.metrics(recipe),
        # A price's square and a regularizer's penalty are comparable only without the target's unit.
        loss_weights=[1 / float(dataset.train.targets.var())] if dataset.task == "regression" else None,
    )
    best = run.state / "best.weights.h5"
    callbacks = [Shuffle(batches), *from_recipe(recipe, best), *run.extra]
    checkpoint = Checkpoint(run.state / "last", best, recipe, run.seed, callbacks)
    trainer = _begin(trainer, checkpoint, run, recipe)
    progress = ProgressBar(recipe.model, recipe.epochs, len(batches))
    callbacks += [*loggers(run.csv_log, run.tensorboard, checkpoint.epoch > 0), progress, checkpoint]
    try:
        trainer.fit(
            batches,
            initial_epoch=checkpoint.epoch,
            epochs=checkpoint.epoch if checkpoint.ended else recipe.epochs,
            validation_data=(
                dataset.validation.inputs.astype(np.float32),
                targets(recipe, dataset, "validation"),
            ),
            validation_batch_size=1000,
            callbacks=callbacks,
            shuffle=False,  # the batches do it themselves
            verbose=0,
        )
    except KeyboardInterrupt:
        print(f"{recipe.model}: {checkpoint.epoch} whole epochs are kept; --resume goes on", file=sys.stderr)
        raise
    finally:
        progress.close()
    trainer.load_weights(str(best))
    shutil.rmtree(run.state)
    return Fitted(trainer.layers[-1], checkpoint.history)


def targets(recipe: Recipe, dataset: Dataset, split: str) -> NDArray[Any]:
    """Give the targets of a split in the form that the loss takes: one-hot, class indices or values [n, 1]."""
    found = getattr(dataset, split).targets
    if dataset.task == "regression":
        return np.asarray(found[:, np.newaxis], np.float32)
    if recipe.loss.lower().startswith("sparse"):
        return np.asarray(found)
    assert dataset.labels is not None
    return np.asarray(np.eye(len(dataset.labels), dtype=np.float32)[found])


def _with_augmentation(model: keras.Model, recipe: Recipe, seed: int) -> keras.Model:
    """Put the augmentation layers before `model`, for training only."""
    augmentation = [
        getattr(keras.layers, name)(seed=seed + number, **dict(arguments))
        for number, (name, arguments) in enumerate(recipe.augmentation)
    ]
    return keras.Sequential([keras.Input(model.input_shape[1:]), *augmentation, model])


def _begin(trainer: keras.Model, checkpoint: Checkpoint, run: Run, recipe: Recipe) -> keras.Model:
    """Return the trainer to begin with: the interrupted one when asked for and there, else the new one."""
    if run.resume:
        interrupted = checkpoint.resume()
        if interrupted is not None:
            print(f"{recipe.model}: resumed after epoch {checkpoint.epoch}/{recipe.epochs}", file=sys.stderr)
            return interrupted
        print(f"{recipe.model}: nothing to resume, beginning at epoch 1", file=sys.stderr)
    shutil.rmtree(run.state, ignore_errors=True)
    run.state.mkdir(parents=True, exist_ok=True)
    return trainer
