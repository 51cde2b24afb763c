"""Labelled samples for an original: its dataset, or the samples a user gave with a model of their own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

import data
from export.trained.original import Original, load_arrays


@dataclass(frozen=True)
class Labelled:
    """Raw calibration inputs (of the training split) and the test split with its targets."""

    calibration: np.ndarray
    inputs: np.ndarray
    targets: np.ndarray


def load(original: Original, data_dir: str | None) -> Labelled:
    """The samples for one original.

    Raises:
        DatasetNotFound: there are none; the message says what was tried.
        DataError: a file of the dataset is damaged.
    """
    if original.samples is not None:
        if original.reference() is None:
            raise data.DatasetNotFound(f"{original.name} has images to calibrate with, and none with labels")
        return Labelled(**load_arrays(original.samples, "calibration", "inputs", "targets"))
    if original.dataset is None:
        raise data.DatasetNotFound(
            f"no labelled samples were given with {original.name} (--samples FILE.npz)"
        )
    return _dataset(original.dataset, data_dir)


def calibration(original: Original, data_dir: str | None) -> np.ndarray:
    """Raw inputs to find activation ranges with; raises as `load` does."""
    if original.samples is not None:
        return load_arrays(original.samples, "calibration")["calibration"]
    return load(original, data_dir).calibration


def missing(original: Original, data_dir: str | None) -> str | None:
    """Why an original's labelled samples are not there; None when they are.

    Raises:
        DataError: they are there, but damaged.
    """
    try:
        load(original, data_dir)
    except data.DatasetNotFound as error:
        return str(error)
    return None


@lru_cache(maxsize=2)
def _dataset(name: str, data_dir: str | None) -> Labelled:
    found = data.load(name, data_dir)
    return Labelled(found.train.inputs, found.test.inputs, found.test.targets)
