"""A model that was loaded from a file: what it takes and gives, by name, and its answers in numpy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from export.chunks import chunk_rows
from runtime.errors import InputError


@dataclass(frozen=True)
class Tensor:
    """One input or output: its name, numpy dtype name, and shape with the batch first and None for unknown sizes."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True)
class Loss:
    """The loss that an output was trained with, as the file records it: its name in snake case."""

    name: str
    from_logits: bool = False


@dataclass(frozen=True)
class LoadedModel:
    """A trained model, for inference.

    `serve` gives tensors by output name for tensors or arrays by input name, for one batch.  `keras` is the Keras
    model, with symbolic inputs and outputs even where a subclassed model had none; it is None for a SavedModel, whose
    `signature` (a TensorFlow function) and `module` (it owns the variables) are there instead.  `losses` are by output
    name.  `notes` are sentences for the user about what was changed while loading.
    """

    path: Path
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    serve: Callable[[Mapping[str, Any]], dict[str, Any]] = field(repr=False)
    keras: Any = field(default=None, repr=False)
    signature: Any = field(default=None, repr=False)
    module: Any = field(default=None, repr=False)
    losses: Mapping[str, Loss] = field(default_factory=dict)
    keras_version: str | None = None
    notes: tuple[str, ...] = ()

    def call(self, feed: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The model's answers, a few rows at a time: arrays by output name for arrays by input name, batch first.

        A model of a fixed batch is given exactly so many rows; the last chunk is filled up with its last row, and
        the answers to the filling are dropped.

        Raises:
            InputError: a name is missing or unknown, a shape does not fit, or the batches differ.
        """
        arrays = {tensor.name: self._checked(tensor, feed) for tensor in self.inputs}
        unknown = sorted(set(feed) - set(arrays))
        if unknown:
            raise InputError(
                f"{self.path.name} has no input {unknown[0]!r}; its inputs are {', '.join(arrays)}"
            )
        rows = {name: len(values) for name, values in arrays.items()}
        if len(set(rows.values())) != 1:
            given = ", ".join(f"{name}: {count}" for name, count in rows.items())
            raise InputError(
                f"{self.path.name} needs as many rows of each input as of the others; received {given}"
            )
        answers = [self._rows(chunk) for chunk in self._chunks(arrays, next(iter(rows.values())))]
        return {tensor.name: np.concatenate([row[tensor.name] for row in answers]) for tensor in self.outputs}

    def _checked(self, tensor: Tensor, feed: Mapping[str, np.ndarray]) -> np.ndarray:
        if tensor.name not in feed:
            raise InputError(
                f"{self.path.name} needs the input {tensor.name!r}; received {', '.join(feed) or 'nothing'}"
            )
        values = np.asarray(feed[tensor.name])
        wanted = tensor.shape[1:]
        fits = values.ndim == len(tensor.shape) and all(
            size in (None, given) for size, given in zip(wanted, values.shape[1:], strict=True)
        )
        if not fits or not len(values):
            sizes = ", ".join("any" if size is None else str(size) for size in ("n", *wanted))
            raise InputError(
                f"{self.path.name} takes {tensor.name!r} of the shape [{sizes}], n at least 1; received "
                f"{list(values.shape)}"
            )
        return values.astype(tensor.dtype, copy=False)

    def _chunks(self, arrays: dict[str, np.ndarray], rows: int) -> Iterator[dict[str, np.ndarray]]:
        largest = max(math.prod(values.shape[1:]) for values in arrays.values())
        size = self.batch or chunk_rows(largest)
        for start in range(0, rows, size):
            yield {name: values[start : start + size] for name, values in arrays.items()}

    def _rows(self, chunk: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = len(next(iter(chunk.values())))
        if self.batch is not None and rows < self.batch:
            chunk = {
                name: np.concatenate([values, np.repeat(values[-1:], self.batch - rows, axis=0)])
                for name, values in chunk.items()
            }
        return {name: np.asarray(values)[:rows] for name, values in self.serve(chunk).items()}

    @property
    def batch(self) -> int | None:
        """The batch that the model is fixed to, or None where it takes any."""
        return next((tensor.shape[0] for tensor in self.inputs if tensor.shape[0] is not None), None)
