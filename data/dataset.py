"""What every loader returns: raw inputs and targets in three fixed splits, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from runtime.bundle.manifest import InputRecord, OutputRecord

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Split:
    """Samples in a fixed order.

    Attributes:
        inputs: raw values by input name, [n, …shape] each: images uint8, tables and other `float` inputs float32, texts
            as numbers of words, else the input's dtype.
        targets: by output name: class numbers int64 [n, …] of a classification or binary, 0 or 1 [n, …, k] of a
            multilabel, values [n, …shape] of a regression in its units. Outputs without labels are missing; a
            reconstruction needs none.
    """

    inputs: Arrays
    targets: Arrays

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


@dataclass(frozen=True)
class Dataset:
    """One dataset: what goes in, what comes out, and three splits.

    Attributes:
        name: as `data.load` takes it.
        inputs: the records of the inputs, as in a manifest.
        outputs: the records of the targets, as in a manifest; a recipe may give a model other outputs.
        sha256: of the original files by name; of the arrays' bytes for a dataset that comes with scikit-learn and
            has no file of its own here.
        train: what a model learns from.
        validation: what epochs and settings are chosen by.
        test: what a trained model is measured on, once.
        vocabularies: by file name, the words of text inputs; the files go beside a trained model.
    """

    name: str
    inputs: tuple[InputRecord, ...]
    outputs: tuple[OutputRecord, ...]
    sha256: dict[str, str]
    train: Split
    validation: Split
    test: Split
    vocabularies: Mapping[str, bytes] = field(default_factory=dict)


def image_input(shape: tuple[int, int, int], high: int) -> InputRecord:
    """A raw image input: uint8 pixels from 0 to `high`, of the shape [height, width, channels]."""
    return InputRecord("image", "image", shape, "uint8", low=0, high=high, resize="stretch")


def table_input(columns: Sequence[str]) -> InputRecord:
    """A raw table input: one row of unscaled real numbers, in the order of `columns`."""
    return InputRecord("table", "rows", (len(columns),), "float", columns=tuple(columns))


def class_output(labels: Sequence[str]) -> OutputRecord:
    """The probabilities of classes."""
    return OutputRecord("probabilities", (len(labels),), "classification", labels=tuple(labels))


def value_output(unit: str, column: str | None = None) -> OutputRecord:
    """One value in a unit; `column` is its name in the data, where it has one."""
    columns = None if column is None else (column,)
    return OutputRecord("value", (1,), "regression", columns=columns, units=(unit,))
