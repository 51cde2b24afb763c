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
    "california-housing": "data.california",
    "digits": "data.scikit_learn",
    "diabetes": "data.scikit_learn",
}
NAMES = tuple(_MODULES)


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load a dataset by name.

    Looked for in `data_dir` (else `EDGEPROOF_DATA`), the user's cache, then by download. Raises UsageError
    for an unknown name, DatasetNotFound (a DataError) when it is nowhere, DataError when a file is damaged.
    """
    if name not in _MODULES:
        raise UsageError(f"unknown dataset {name!r}; known: {', '.join(NAMES)}")
    dataset: Dataset = import_module(_MODULES[name]).load(name, data_dir)
    return dataset
