"""Calibration and test data for a trained model: from its dataset, or what the user gave with a model of their own."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

import data
from data.original import Original


def load_test_data(original: Original, data_dir: str | None) -> data.Split:
    """The labelled samples that variants are compared with the original on: raw inputs [n, …] and targets [n].

    Raises:
        DatasetNotFound: there are none; the message says what was tried.
        DataError: a file of the dataset is damaged.
    """
    kept = original.test_data()
    return _dataset(original, data_dir).test if kept is None else kept


def load_calibration(original: Original, data_dir: str | None) -> NDArray[Any]:
    """The raw inputs [n, …] to find activation ranges with: all of the training split, or of what the user gave.

    Raises:
        DatasetNotFound: there are none; the message says what was tried.
        DataError: a file of the dataset is damaged.
    """
    kept = original.calibration()
    return _dataset(original, data_dir).train.inputs if kept is None else kept


def why_no_test_data(original: Original, data_dir: str | None) -> str | None:
    """Why a model's labelled samples are not there; None when they are.

    Raises:
        DataError: they are there, but damaged.
    """
    try:
        load_test_data(original, data_dir)
    except data.DatasetNotFound as error:
        return str(error)
    return None


def _dataset(original: Original, data_dir: str | None) -> data.Dataset:
    if original.record.dataset is not None:
        return _loaded(original.record.dataset.name, data_dir)
    if original.calibration() is not None:
        raise data.DatasetNotFound(f"{original.name} has images to calibrate with, and none with labels")
    raise data.DatasetNotFound(f"no labelled samples were given with {original.name} (--samples FILE.npz)")


# Kept for the next step of the same model; two, since the steps of two models may alternate.
_loaded = lru_cache(maxsize=2)(data.load)
