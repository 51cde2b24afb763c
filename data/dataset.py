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

    `inputs`: uint8 [n, height, width, channels] for images, float32 [n, columns] for tables; always raw.
    `targets`: int64 [n] class indices for classification, float32 [n] in the dataset's unit for regression.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]

    def __len__(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class Dataset:
    """One dataset: what goes in (`input`, as it stands in a manifest), what comes out, three splits.

    `sha256` names the original files and their hashes; for a dataset bundled with scikit-learn, which has
    no file of its own here, it is the hash of the arrays' bytes.
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
