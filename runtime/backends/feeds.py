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


def feed(feeds: Any, name: str, spec: TensorSpec) -> np.ndarray:
    """Returns the one array in `feeds` as native float32 of the spec's shape.

    Backends have a faster way for the usual array, and call this for every other.

    Raises:
        InputError: `feeds` holds anything else.
    """
    if not isinstance(feeds, Mapping):
        raise InputError(f"run takes {{{name!r}: array}}, not a {type(feeds).__name__}")
    if set(feeds) != {name}:
        raise InputError(
            f"run got inputs named {sorted(map(str, feeds))}; this model has exactly one, {name!r}"
        )
    array = feeds[name]
    if not isinstance(array, np.ndarray):
        raise InputError(f"the input {name!r} is a {type(array).__name__}; give a numpy array of float32")
    if array.dtype.newbyteorder("=") != FLOAT32:
        raise InputError(
            f"the input {name!r} is {array.dtype}, expected float32; `predict` takes other dtypes"
        )
    if array.ndim != len(spec.shape) or array.shape[1:] != spec.shape[1:]:
        refuse_shape(name, array.shape, spec.shape)
    return np.asarray(array, FLOAT32)


def refuse_shape(name: str, received: tuple[int, ...], expected: tuple[int | None, ...]) -> NoReturn:
    """Raises an InputError about a shape."""
    wanted = ", ".join("n" if extent is None else str(extent) for extent in expected)
    raise InputError(f"the input {name!r} has the shape {list(received)}, expected [{wanted}]")
