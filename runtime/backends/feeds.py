"""Checks the arrays that backends are given, and says what is wrong with those that do not fit."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, NoReturn

import numpy as np

from runtime.bundle.manifest import TensorSpec
from runtime.errors import InputError

FLOAT32 = np.dtype(np.float32)
_SHORT, _MEDIUM = 32, 8192


def all_finite(array: np.ndarray) -> bool:
    """Says whether a floating array [n, …] holds neither NaN nor Inf."""
    flat = array.ravel()
    if len(flat) <= _SHORT:
        # Python floats take half the time of numpy here. The sum of float32 values cannot overflow.
        return isfinite(sum(flat.tolist()))
    for at in range(0, len(flat), _MEDIUM):
        # The square of what is not finite is not finite either; beyond 8,192 elements BLAS may wake other threads.
        part = flat[at : at + _MEDIUM]
        if not (isfinite(np.vdot(part, part)) or np.isfinite(part).all()):  # squares of large values overflow
            return False
    return True


def feed(feeds: Any, specs: Mapping[str, TensorSpec]) -> dict[str, np.ndarray]:
    """Returns the arrays in `feeds`, one for each of `specs`, in the specs' native dtypes.

    Backends have a faster way for the usual arrays, and call this for all others.

    Raises:
        InputError: `feeds` holds anything else, or arrays of different numbers of rows.
    """
    if not isinstance(feeds, Mapping):
        wanted = ", ".join(f"{name!r}: array" for name in specs)
        raise InputError(f"run takes {{{wanted}}}, not a {type(feeds).__name__}")
    if set(feeds) != set(specs):
        has = f"exactly one, {next(iter(specs))!r}" if len(specs) == 1 else ", ".join(map(repr, specs))
        raise InputError(f"run got inputs named {sorted(map(str, feeds))}; this model has {has}")
    arrays = {name: _array(feeds[name], name, spec) for name, spec in specs.items()}
    check_rows(arrays)
    return arrays


def _array(array: Any, name: str, spec: TensorSpec) -> np.ndarray:
    if not isinstance(array, np.ndarray):
        raise InputError(
            f"the input {name!r} is a {type(array).__name__}; give a numpy array of {spec.dtype}"
        )
    if array.dtype.newbyteorder("=") != spec.dtype:
        raise InputError(
            f"the input {name!r} is {array.dtype}, expected {spec.dtype}; `predict` takes other dtypes"
        )
    if array.ndim != len(spec.shape) or array.shape[1:] != spec.shape[1:]:
        _refuse_shape(name, array.shape, spec.shape)
    return np.asarray(array, spec.dtype)


def _refuse_shape(name: str, received: tuple[int, ...], expected: tuple[int | None, ...]) -> NoReturn:
    wanted = ", ".join("n" if extent is None else str(extent) for extent in expected)
    raise InputError(f"the input {name!r} has the shape {list(received)}, expected [{wanted}]")


def check_rows(arrays: Mapping[str, np.ndarray]) -> None:
    """Raises InputError where arrays [n, …] do not all have the same number of rows."""
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise InputError(
            f"the inputs have different numbers of rows: {found}; row i of each belongs together"
        )
