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
from data.dataset import Arrays
from runtime.bundle.manifest import OutputRecord
from train import keras_objects
from train.batches import Batches, Shuffle, alone
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
    """Trains `recipe` on the training split, choosing by the validation split; the test split stays unread.

    Raises:
        UsageError: the recipe names what Keras does not have, or the state to resume is of another training.
        EdgeProofError: the state to resume cannot be read.
    """
    keras.utils.set_random_seed(run.seed)
    model = build(recipe, dataset)
    outputs = trained_outputs(dataset)
    dtypes = {taken.name: taken.tensor.dtype for taken in dataset.inputs}
    wanted = targets(recipe, dataset, "train")
    batches = Batches(dataset.train.inputs, wanted, dtypes, recipe.batch_size, run.seed)
    trainer = _trainer(model, recipe, dataset, run.seed)
    names = [output.name for output in outputs]
    weights = [_loss_weight(output, wanted[output.name]) for output in outputs]
    trainer.compile(
        optimizer=keras_objects.optimizer(recipe, len(batches)),
        loss=keras_objects.loss(recipe, names),
        metrics=keras_objects.metrics(recipe, names),
        loss_weights=dict(zip(names, weights, strict=True)) if len(names) > 1 else weights,
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
                alone(
                    {name: values.astype(dtypes[name]) for name, values in dataset.validation.inputs.items()}
                ),
                alone(targets(recipe, dataset, "validation")),
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
    return Fitted(trainer.get_layer(model.name), checkpoint.history)


def trained_outputs(dataset: Dataset) -> list[OutputRecord]:
    """The outputs that the dataset has targets for; an architecture may give others."""
    return [output for output in dataset.outputs if output.name in dataset.train.targets]


def targets(recipe: Recipe, dataset: Dataset, split: str) -> Arrays:
    """The targets of a split by output, as the losses take them: one-hot [n, k], class numbers [n] or values [n, …]."""
    found = {}
    for output in trained_outputs(dataset):
        values = getattr(dataset, split).targets[output.name]
        if output.task != "classification":
            found[output.name] = np.asarray(values, np.float32).reshape(len(values), *output.shape)
        elif "sparse" in recipe.loss.lower():
            found[output.name] = np.asarray(values)
        else:
            found[output.name] = np.eye(output.shape[-1], dtype=np.float32)[values]
    return found


def _loss_weight(output: OutputRecord, values: NDArray[Any]) -> float:
    """Divided by the variance, a regression's loss has no unit and can be added to others and to penalties."""
    return 1 / float(values.var()) if output.task == "regression" else 1.0


def _trainer(model: keras.Model, recipe: Recipe, dataset: Dataset, seed: int) -> keras.Model:
    """The model behind the augmentation of its images, with the outputs that are trained, for training only."""
    inputs = {
        taken.name: keras.Input(taken.shape, dtype=taken.tensor.dtype, name=taken.name)
        for taken in dataset.inputs
    }
    values = dict(inputs)
    for taken in dataset.inputs:
        for number, (name, arguments) in enumerate(recipe.augmentation if taken.kind == "image" else ()):
            layer = getattr(keras.layers, name)(seed=seed + number, **dict(arguments))
            values[taken.name] = layer(values[taken.name])
    answers = model(alone(values))
    if isinstance(answers, dict):
        answers = alone({output.name: answers[output.name] for output in trained_outputs(dataset)})
    return keras.Model(alone(inputs), answers)


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
