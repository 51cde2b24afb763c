"""The callbacks of a training, as its recipe and the command line ask for them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import keras

from runtime.errors import PackageError, UsageError
from train.recipe import Recipe


class StopAtTarget(keras.callbacks.Callback):
    """Stops the training as soon as a figure reaches a wanted value.

    Args:
        words: `name=value`. `val_accuracy=0.9` stops at 0.9 or more, `val_loss=0.3` at 0.3 or less, since losses and
            errors fall.

    Raises:
        UsageError: `words` has no name or no number.
    """

    def __init__(self, words: str) -> None:
        super().__init__()
        self._name, _, value = words.partition("=")
        try:
            self._value = float(value)
        except ValueError:
            raise UsageError(
                f"stop at {words!r}: give a figure and a value, as in val_accuracy=0.9"
            ) from None
        self._falls = "loss" in self._name or "error" in self._name

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Compares the figure.

        Raises:
            UsageError: the training has no figure of that name.
        """
        figures = logs or {}
        if self._name not in figures:
            raise UsageError(f"stop at {self._name!r}: unknown figure; known: {', '.join(figures)}")
        reached = figures[self._name]
        if reached <= self._value if self._falls else reached >= self._value:
            self.model.stop_training = True


def from_recipe(recipe: Recipe, best: Path) -> list[keras.callbacks.Callback]:
    """The callbacks of `recipe`; the best weights by `recipe.monitor` go to the file `best`.

    Raises:
        UsageError: two of them would set the learning rate, or the recipe stops at what is no figure.
    """
    callbacks = keras.callbacks
    mode = "max" if "accuracy" in recipe.monitor or "score" in recipe.monitor else "min"
    watch = {"monitor": recipe.monitor, "mode": mode}
    chosen = [callbacks.ModelCheckpoint(str(best), save_best_only=True, save_weights_only=True, **watch)]
    if recipe.patience is not None:
        chosen.append(callbacks.EarlyStopping(patience=recipe.patience, **watch))
    if recipe.reduce_on_plateau is not None:
        if recipe.schedule in ("cosine", "exponential"):
            raise UsageError(
                f"--reduce-on-plateau sets the learning rate, and so does the schedule {recipe.schedule!r}; "
                "give --schedule constant"
            )
        chosen.append(callbacks.ReduceLROnPlateau(patience=recipe.reduce_on_plateau, factor=0.5, **watch))
    if recipe.schedule == "step":
        every = max(1, recipe.epochs // 4)
        chosen.append(
            callbacks.LearningRateScheduler(lambda epoch: recipe.learning_rate * 0.5 ** (epoch // every))
        )
    if recipe.stop_at is not None:
        chosen.append(StopAtTarget(recipe.stop_at))
    return chosen


def loggers(csv_log: Path | None, tensorboard: Path | None, append: bool) -> list[keras.callbacks.Callback]:
    """The callbacks that write logs.

    Args:
        csv_log: a CSV file with every epoch's figures, or None.
        tensorboard: a folder for TensorBoard's logs, or None.
        append: whether the CSV file of an interrupted training goes on.

    Raises:
        PackageError: TensorBoard is asked for and not installed.
    """
    chosen: list[keras.callbacks.Callback] = []
    if csv_log is not None:
        csv_log.parent.mkdir(parents=True, exist_ok=True)
        chosen.append(keras.callbacks.CSVLogger(str(csv_log), append=append))
    if tensorboard is not None:
        if find_spec("tensorboard") is None:
            raise PackageError("--tensorboard needs a package that is not installed; pip install tensorboard")
        chosen.append(keras.callbacks.TensorBoard(str(tensorboard)))
    return chosen
