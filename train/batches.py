"""The training split as shuffled batches, in an order that depends on seed and epoch alone."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from data.dataset import Arrays


def alone(arrays: Arrays) -> Any:
    """The only array, or where there are several, all by name: how Keras takes inputs and targets."""
    return next(iter(arrays.values())) if len(arrays) == 1 else arrays


class Batches(keras.utils.PyDataset):
    """Batches of raw inputs, [batch, …] each in the dtype that the model takes, and targets.

    The order of an epoch is drawn from (seed, epoch). It is the same on every Keras backend, and a resumed training
    sees the same batches as one that was never interrupted.
    """

    def __init__(
        self, inputs: Arrays, targets: Arrays, dtypes: dict[str, str], batch_size: int, seed: int
    ) -> None:
        """The arrays are by the names of inputs and outputs; of one alone, Keras is given the array."""
        super().__init__()
        self._inputs, self._targets, self._dtypes = inputs, targets, dtypes
        self._batch_size, self._seed = batch_size, seed
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Draws the order of `epoch`, counted from 0."""
        self._order = np.random.default_rng([self._seed, epoch]).permutation(
            len(next(iter(self._inputs.values())))
        )

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        inputs = {name: values[chosen].astype(self._dtypes[name]) for name, values in self._inputs.items()}
        return alone(inputs), alone({name: values[chosen] for name, values in self._targets.items()})


class Shuffle(keras.callbacks.Callback):
    """Tells the batches which epoch begins."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draws the new order."""
        self._batches.start_epoch(epoch)
