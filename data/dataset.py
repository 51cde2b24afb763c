"""What every loader returns: raw inputs and targets in three fixed splits, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from runtime.bundle.manifest import InputRecord

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Split:
    """Samples in a fixed order.

    Attributes:
        inputs: raw images, uint8 [n, height, width, channels], or raw rows of a table, float32 [n, columns].
        targets: class numbers [n] of a classification, values [n] of a regression in its unit.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Dataset:
    """One dataset: what goes in, what comes out, and three splits.

    Attributes:
        name: as `data.load` takes it.
        task: classification or regression.
        labels: the classes in the order of their numbers; None for a regression.
        unit: the unit of a regression's targets; None for a classification.
        input: what a row is, as a manifest says it.
        sha256: of the original files by name; of the arrays' bytes for a dataset that comes with scikit-learn and
            has no file of its own here.
        train: what a model learns from.
        validation: what epochs and settings are chosen by.
        test: what a trained model is measured on, once.
    """

    name: str
    task: Task
    labels: tuple[str, ...] | None
    unit: str | None
    input: InputRecord
    sha256: dict[str, str]
    train: Split
    validation: Split
    test: Split


def image_input(shape: tuple[int, int, int], high: int) -> InputRecord:
    """A raw image input: uint8 pixels from 0 to `high`, of the shape [height, width, channels]."""
    return InputRecord("image", "image", shape, "uint8", low=0, high=high)


def table_input(columns: Sequence[str]) -> InputRecord:
    """A raw table input: one row of unscaled real numbers, in the order of `columns`."""
    return InputRecord("table", "rows", (len(columns),), "float", columns=tuple(columns))
