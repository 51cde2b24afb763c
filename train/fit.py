"""Training itself: compile, fit with callbacks, and keep the best model by the validation split."""

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
    """A trained model, uncompiled and without augmentation, and the figures of every epoch by name."""

    model: keras.Model
    history: dict[str, list[float]]


@dataclass(frozen=True)
class Run:
    """What one training takes besides recipe and data.

    Attributes:
        seed: of all random numbers.
        state: the folder for the state of the training. It is made here, removed when the training has ended, and
            left behind by an interruption.
        resume: whether an interrupted training goes on.
        csv_log: a CSV file for every epoch's figures, or None.
        tensorboard: a folder for TensorBoard's logs, or None.
        extra: further callbacks.
    """

    seed: int
    state: Path
    resume: bool = False
    csv_log: Path | None = None
    tensorboard: Path | None = None
    extra: tuple[keras.callbacks.Callback, ...] = field(default=())


def fit(recipe: Recipe, dataset: Dataset, run: Run) -> Fitted:
    """Train `recipe` on the training split, choosing by the validation split; the test split stays unread.

    Raises:
        UsageError: the recipe names what Keras does not have, or the state to resume is of another training.
        EdgeProofError: the state to resume cannot be read.
    """
    keras.utils.set_random_seed(run.seed)
    model = build(recipe, dataset)
    batches = Batches(dataset.train.inputs, targets(recipe, dataset, "train"), recipe.batch_size, run.seed)
    trainer = _with_augmentation(model, recipe, run.seed)
    trainer.compile(
        optimizer=keras_objects.optimizer(recipe, len(batches)),
        loss=keras_objects.loss(recipe),
        metrics=keras_objects.metrics(recipe),
        # Divided by the variance, the loss has no unit and can be added to a regularizer's penalty.
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
    """The targets of a split in the form that the loss takes: one-hot [n, k], class numbers [n] or values [n, 1]."""
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
    """The model to go on with: the interrupted one where that is asked for and there is one, else the new one."""
    if run.resume:
        interrupted = checkpoint.resume()
        if interrupted is not None:
            print(f"{recipe.model}: resumed after epoch {checkpoint.epoch}/{recipe.epochs}", file=sys.stderr)
            return interrupted
        print(f"{recipe.model}: nothing to resume, beginning at epoch 1", file=sys.stderr)
    shutil.rmtree(run.state, ignore_errors=True)
    run.state.mkdir(parents=True, exist_ok=True)
    return trainer
