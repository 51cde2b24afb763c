"""The training split as shuffled batches, in an order that depends on seed and epoch alone."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


class Batches(keras.utils.PyDataset):
    """Batches of raw inputs, float32 [batch, …], and targets.

    The order of an epoch is drawn from (seed, epoch). It is the same on every Keras backend, and a resumed training
    sees the same batches as one that was never interrupted.
    """

    def __init__(self, inputs: NDArray[Any], targets: NDArray[Any], batch_size: int, seed: int) -> None:
        super().__init__()
        self._inputs, self._targets = inputs, targets
        self._batch_size, self._seed = batch_size, seed
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Draw the order of `epoch`, counted from 0."""
        self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._inputs))

    def __len__(self) -> int:
        return math.ceil(len(self._inputs) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[Any]]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return self._inputs[chosen].astype(np.float32), self._targets[chosen]


class Shuffle(keras.callbacks.Callback):
    """Tells the batches which epoch begins."""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self._batches = batches

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Draw the new order."""
        self._batches.start_epoch(epoch)
