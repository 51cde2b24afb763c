"""The datasets by name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from data.dataset import Dataset, Split
from runtime.errors import UsageError

_IN_A_PACKAGE = "data.scikit_learn"
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
    "digits": _IN_A_PACKAGE,
    "digits-rows": _IN_A_PACKAGE,
    "diabetes": _IN_A_PACKAGE,
}
NAMES = tuple(_MODULES)
# Where most of the time goes into samples that a test does not need.
_TEST_ALONE = ("cifar-10-images",)


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Loads a dataset by name.

    Args:
        name: one of `NAMES`.
        data_dir: the folder to look in first (default: `EDGEPROOF_DATA`); the user's cache and a download follow.

    Raises:
        UsageError: the name is unknown.
        DatasetNotFound: the dataset is nowhere.
        DataError: a file of it is damaged.
    """
    dataset: Dataset = import_module(_module(name)).load(name, data_dir)
    return dataset


def load_test(name: str, data_dir: str | Path | None = None) -> Split:
    """Loads the test split of a dataset; arguments and errors are those of `load`."""
    if name not in _TEST_ALONE:
        return load(name, data_dir).test
    test: Split = import_module(_module(name)).load_test(name, data_dir)
    return test


def find(name: str, data_dir: str | Path | None = None) -> dict[str, Path]:
    """Finds the files of a dataset, by name, without reading more of them than their hashes need.

    Those of scikit-learn lie in its own package: there are none to find.

    Raises:
        UsageError: the name is unknown.
        DatasetNotFound: the dataset is nowhere.
        DataError: a file of it is damaged.
    """
    module = _module(name)
    found: dict[str, Path] = {} if module == _IN_A_PACKAGE else import_module(module).files(name, data_dir)
    return found


def _module(name: str) -> str:
    if name not in _MODULES:
        raise UsageError(f"unknown dataset {name!r}; known: {', '.join(NAMES)}")
    return _MODULES[name]
