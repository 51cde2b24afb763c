"""The datasets by name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from data.dataset import Dataset
from runtime.errors import UsageError

# Named, not imported: scikit-learn takes a second to import, and only some datasets need it.
_MODULES = {
    "mnist": "data.mnist",
    "fashion-mnist": "data.mnist",
    "mnist-rebuilt": "data.mnist",
    "cifar-10-images": "data.cifar",
    "sentence-polarity": "data.polarity",
    "imdb": "data.word_numbers",
    "reuters": "data.word_numbers",
    "california-housing": "data.california",
    "california-housing-two": "data.california",
    "digits": "data.scikit_learn",
    "digits-rows": "data.scikit_learn",
    "diabetes": "data.scikit_learn",
}
NAMES = tuple(_MODULES)


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load a dataset by name.

    Args:
        name: one of `NAMES`.
        data_dir: the folder to look in first (default: `EDGEPROOF_DATA`); the user's cache and a download follow.

    Raises:
        UsageError: the name is unknown.
        DatasetNotFound: the dataset is nowhere.
        DataError: a file of it is damaged.
    """
    if name not in _MODULES:
        raise UsageError(f"unknown dataset {name!r}; known: {', '.join(NAMES)}")
    dataset: Dataset = import_module(_MODULES[name]).load(name, data_dir)
    return dataset
