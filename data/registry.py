"""The datasets by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from data.bundled import load_diabetes, load_digits
from data.california import load_california
from data.dataset import Dataset
from data.mnist import load_mnist
from runtime.errors import UsageError

_LOADERS: dict[str, Callable[[str | Path | None], Dataset]] = {
    "mnist": partial(load_mnist, "mnist"),
    "fashion-mnist": partial(load_mnist, "fashion-mnist"),
    "california-housing": load_california,
    "digits": lambda _: load_digits(),
    "diabetes": lambda _: load_diabetes(),
}
NAMES = tuple(_LOADERS)


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load a dataset by name.

    Looked for in ``data_dir`` (else ``EDGEPROOF_DATA``), the user's cache, then by download. Raises
    UsageError for an unknown name, DatasetNotFound (a DataError) when it is nowhere, DataError when a file
    is damaged.
    """
    if name not in _LOADERS:
        raise UsageError(f"unknown dataset {name!r}; known: {', '.join(NAMES)}")
    return _LOADERS[name](data_dir)
