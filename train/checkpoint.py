"""The state of a training on disk, so that an interrupted one goes on from its last whole epoch."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from runtime.atomic import replace_folder
from runtime.errors import EdgeProofError, UsageError
from train.recipe import Recipe

# What a callback remembers from epoch to epoch, by the names of Keras' attributes.
_MEMORY = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter", "epochs_since_last_save")


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole training after every epoch, and resumes it.

    `folder` is replaced in one step. It holds `trainer.keras` (weights, optimizer, random state), `best.weights.h5`
    and `state.json` (epoch, history, what the other callbacks remember). This callback must be the last in the list:
    it saves what the others remember after the epoch.

    Attributes:
        history: the figures of every whole epoch by name.
        epoch: the number of whole epochs.
        ended: whether a callback had stopped the training that is resumed.
    """

    def __init__(
        self, folder: Path, best: Path, recipe: Recipe, seed: int, others: Sequence[keras.callbacks.Callback]
    ) -> None:
        super().__init__()
        self._folder, self._best, self._others = folder, best, others
        self._about = {"recipe": json.loads(json.dumps(asdict(recipe))), "seed": seed}
        self._resumed: dict[str, Any] | None = None
        self.history: dict[str, list[float]] = {}
        self.epoch = 0
        self.ended = False

    def resume(self) -> keras.Model | None:
        """Reads the last state, and sets `history`, `epoch` and `ended` to what it says.

        Returns:
            The model as it was trained so far, with its optimizer; None where no state was saved.

        Raises:
            UsageError: the state is of another recipe or seed.
            EdgeProofError: it cannot be read.
        """
        if not self._folder.is_dir():
            return None
        try:
            state = json.loads((self._folder / "state.json").read_text())
            trainer = keras.models.load_model(self._folder / "trainer.keras")
            shutil.copyfile(self._folder / "best.weights.h5", self._best)
        except (OSError, ValueError) as error:
            message = f"{self._folder}: cannot be resumed ({error}); delete it to begin again"
            raise EdgeProofError(message) from error
        self._refuse_another(state)
        self.epoch, self.history, self.ended = state["epoch"], state["history"], state["ended"]
        self._resumed = state
        for variable, value in zip(_random_state(trainer), state["random"], strict=True):
            variable.assign(value)
        return trainer

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Sets the other callbacks to what they remembered."""
        if self._resumed is not None:
            for callback in self._others:
                for name, value in self._resumed["callbacks"].get(type(callback).__name__, {}).items():
                    setattr(callback, name, value)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Saves everything."""
        self.epoch = epoch + 1
        for name, figure in (logs or {}).items():
            self.history.setdefault(name, []).append(float(figure))
        memory = {type(callback).__name__: _memory(callback) for callback in self._others}
        state = {**self._about, "epoch": self.epoch, "history": self.history, "callbacks": memory}
        state["ended"] = self.model.stop_training
        state["random"] = [keras.ops.convert_to_numpy(value).tolist() for value in _random_state(self.model)]
        staged = Path(tempfile.mkdtemp(dir=self._folder.parent, prefix=".staged-"))
        self.model.save(staged / "trainer.keras")
        shutil.copyfile(self._best, staged / "best.weights.h5")
        (staged / "state.json").write_text(json.dumps(state))
        replace_folder(staged, self._folder)

    def _refuse_another(self, state: dict[str, Any]) -> None:
        then, now = ({**about["recipe"], "seed": about["seed"]} for about in (state, self._about))
        other = [f"{name} {then.get(name)!r} → {now[name]!r}" for name in now if then.get(name) != now[name]]
        if other:
            raise UsageError(
                f"{self._folder} is of another training ({'; '.join(other)}); "
                "give the same flags to resume it, or leave --resume out to begin again"
            )


def _random_state(trainer: keras.Model) -> list[keras.Variable]:
    """The random state of dropout and augmentation, which Keras does not keep in its file."""
    return [variable for variable in trainer.variables if "seed_generator" in variable.path]


def _memory(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """What `callback` remembers, as values of JSON."""
    held = {name: getattr(callback, name) for name in _MEMORY if getattr(callback, name, None) is not None}
    return {name: float(value) if name == "best" else value for name, value in held.items()}
