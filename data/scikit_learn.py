"""Digits and diabetes: the two datasets that scikit-learn carries in its wheel, so they need no download."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from sklearn.model_selection import train_test_split

from data.dataset import Dataset, Split, class_output, image_input, table_input, value_output
from runtime.bundle.manifest import InputRecord


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Loads `digits`, `digits-rows` or `diabetes`; they come with scikit-learn: `data_dir` is of no use to them."""
    if name == "diabetes":
        return _diabetes()
    return _digits() if name == "digits" else _rows(_digits())


@cache
def _digits() -> Dataset:
    """Loads `digits`: raw uint8 [n, 8, 8, 1] with values 0 to 16; 1,149 / 288 / 360 samples, stratified."""
    bunch = datasets.load_digits()
    images = bunch.images.astype(np.uint8)[..., np.newaxis]
    labels = bunch.target.astype(np.int64)
    rest, test, rest_labels, test_labels = train_test_split(
        images, labels, test_size=0.2, random_state=7, stratify=labels
    )
    train, validation, train_labels, validation_labels = train_test_split(
        rest, rest_labels, test_size=0.2, random_state=11, stratify=rest_labels
    )
    return Dataset(
        name="digits",
        inputs=(image_input((8, 8, 1), high=16),),
        outputs=(class_output("0123456789"),),
        sha256={"images": _sha256(images), "labels": _sha256(labels)},
        train=Split({"image": train}, {"probabilities": train_labels}),
        validation=Split({"image": validation}, {"probabilities": validation_labels}),
        test=Split({"image": test}, {"probabilities": test_labels}),
    )


def _rows(digits: Dataset) -> Dataset:
    """The digits as sequences of their eight rows from above: float32 [n, 8, 8] with values 0 to 16."""

    def split(found: Split) -> Split:
        return Split({"rows": found.inputs["image"][..., 0].astype(np.float32)}, found.targets)

    return replace(
        digits,
        name="digits-rows",
        inputs=(InputRecord("sequence", "rows", (8, 8), "float"),),
        train=split(digits.train),
        validation=split(digits.validation),
        test=split(digits.test),
    )


def _diabetes() -> Dataset:
    """Loads `diabetes`: raw float32 rows [n, 10]; the target is disease progression after one year."""
    bunch = datasets.load_diabetes(scaled=False)
    rows, targets = bunch.data.astype(np.float32), bunch.target.astype(np.float32)
    rest, test, rest_targets, test_targets = train_test_split(rows, targets, test_size=0.2, random_state=7)
    train, validation, train_targets, validation_targets = train_test_split(
        rest, rest_targets, test_size=0.2, random_state=11
    )
    return Dataset(
        name="diabetes",
        inputs=(table_input(bunch.feature_names),),
        outputs=(value_output("points of disease progression"),),
        sha256={"rows": _sha256(rows), "targets": _sha256(targets)},
        train=Split({"rows": train}, {"value": train_targets[:, np.newaxis]}),
        validation=Split({"rows": validation}, {"value": validation_targets[:, np.newaxis]}),
        test=Split({"rows": test}, {"value": test_targets[:, np.newaxis]}),
    )


def _sha256(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
