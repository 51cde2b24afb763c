"""Calibration and test data for a trained model: from its dataset, or what the user gave with a model of their own."""

from __future__ import annotations

from functools import lru_cache

import data
from data.dataset import Arrays
from data.original import Original


def load_test_data(original: Original, data_dir: str | None) -> data.Split:
    """The samples that variants are compared with the original on: raw inputs, and targets where there are some.

    Raises:
        DatasetNotFound: there are none; the message says what was tried.
        DataError: a file of the dataset is damaged.
    """
    kept = original.test_data()
    if kept is not None:
        return kept
    if original.record.dataset is None:
        raise data.DatasetNotFound(_none_given(original))
    return _loaded_test(original.record.dataset.name, data_dir)


def load_calibration(original: Original, data_dir: str | None) -> Arrays:
    """The raw inputs to find activation ranges with: all of the training split, or of what the user gave.

    Raises:
        DatasetNotFound: there are none; the message says what was tried.
        DataError: a file of the dataset is damaged.
    """
    kept = original.calibration()
    if kept is not None:
        return kept
    if original.record.dataset is None:
        raise data.DatasetNotFound(
            f"no calibration data were given with {original.name} (--calibration DATA)"
        )
    return _loaded(original.record.dataset.name, data_dir).train.inputs


def _none_given(original: Original) -> str:
    return f"no test data were given with {original.name} (--test DATA)"


def why_no_test_data(original: Original, data_dir: str | None) -> str | None:
    """Why a model's test data are not there; None when they are.

    Raises:
        DataError: they are there, but damaged.
    """
    if original.test_data() is not None:
        return None
    if original.record.dataset is None:
        return _none_given(original)
    try:
        data.find(original.record.dataset.name, data_dir)
    except data.DatasetNotFound as error:
        return str(error)
    return None


# Kept for the next step of the same model; two, since the steps of two models may alternate.
_loaded = lru_cache(maxsize=2)(data.load)
_loaded_test = lru_cache(maxsize=2)(data.load_test)
