"""Checks raw inputs for `predict`: refuses what would be answered wrongly, and says how to mend it."""

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from runtime.backends.feeds import FLOAT32, all_finite
from runtime.bundle.manifest import InputRecord
from runtime.errors import InputError

_UINT8 = np.dtype(np.uint8)
_largest = np.maximum.reduce
_FEW = 1024


def raw_check(record: InputRecord) -> Callable[[Any], np.ndarray]:
    """Returns the function that checks raw inputs and returns them as rows [n, *record.shape].

    It returns images with an integer dtype and tables as float32, copies nothing without need, and raises InputError
    for inputs that do not fit.
    """
    return _image_check(record) if record.kind == "image" else _table_check(record)


def _image_check(record: InputRecord) -> Callable[[Any], np.ndarray]:
    height, width, channels = shape = record.shape
    low, high = int(record.low or 0), int(255 if record.high is None else record.high)
    full_range = low == 0 and high == 255
    allowed = bytes(range(low, high + 1))
    single, single_without_channel = (1, *shape), (1, height, width) if channels == 1 else None

    def check(images: Any) -> np.ndarray:
        if type(images) is np.ndarray and images.dtype is _UINT8:
            if images.shape == single:
                rows = images
            elif images.shape == single_without_channel:
                rows = images.reshape(single)
            else:
                rows = _image_rows(images, record)
            # Deleting the allowed bytes from a few takes 0.3 µs, numpy's largest value 3.
            if full_range or (rows.size <= _FEW and not rows.tobytes().translate(None, allowed)):
                return rows
        else:
            rows = _image_rows(_integer_pixels(images), record)
        if rows.size and (
            _largest(rows, None) > high or ((low or rows.dtype.kind == "i") and rows.min() < low)
        ):
            raise InputError(
                f"pixels from {rows.min()} to {rows.max()}; this model takes raw pixels from {low} to {high}"
            )
        return rows

    return check


def _integer_pixels(images: Any) -> np.ndarray:
    array = _array(images)
    if array.dtype.kind == "f":
        scaled = array.size and (array <= 1).all()
        fix = "(pixels * 255).round().astype('uint8')" if scaled else "pixels.round().astype('uint8')"
        raise InputError(
            f"the pixels are {array.dtype}{' and look scaled to 0..1' if scaled else ''}; this model takes raw uint8 "
            f"pixels and scales them itself: give it {fix}"
        )
    if array.dtype.kind not in "iu":
        raise InputError(f"the pixels are {array.dtype}; this model takes raw uint8 pixels")
    return array


def _image_rows(images: np.ndarray, record: InputRecord) -> np.ndarray:
    height, width, channels = record.shape
    if images.ndim == 4 and images.shape[1:] == record.shape:
        return images
    if channels == 1 and images.ndim == 3 and images.shape[1:] == (height, width):
        return images.reshape(len(images), *record.shape)
    wanted = f"[n, {height}, {width}{f', {channels}' if channels > 1 else ''}]"
    one = images.shape in ((height, width), record.shape)
    hint = "; for a single image give image[None]" if one else ""
    raise InputError(f"the images have the shape {list(images.shape)}, this model takes {wanted}{hint}")


def _table_check(record: InputRecord) -> Callable[[Any], np.ndarray]:
    (width,) = record.shape
    columns = record.columns or tuple(map(str, range(width)))

    def check(values: Any) -> np.ndarray:
        plain = type(values) is np.ndarray and values.dtype is FLOAT32
        rows: np.ndarray = values if plain else _float32_rows(values, columns)
        if rows.ndim != 2 or rows.shape[1] != width:
            hint = "; for a single row give row[None]" if rows.shape == (width,) else ""
            raise InputError(
                f"the rows have the shape {list(rows.shape)}, this model takes [n, {width}]: {', '.join(columns)}{hint}"
            )
        if not all_finite(rows):
            _refuse_values(rows, columns)
        return rows

    return check


def _float32_rows(rows: Any, columns: tuple[str, ...]) -> np.ndarray:
    # A data frame names its columns: in another order they would be answered wrongly, without an error.
    named = getattr(rows, "columns", None)
    if named is not None and tuple(map(str, named)) != columns:
        raise InputError(
            f"the columns are {', '.join(map(str, named))}; this model takes {', '.join(columns)}"
        )
    array = _array(rows)
    if array.dtype.kind not in "fiu":
        raise InputError(f"the rows are {array.dtype}; this model takes numbers")
    with np.errstate(over="ignore"):  # a value that overflows becomes Inf, which is refused later
        floats: np.ndarray = array.astype(FLOAT32)
        return floats


def _refuse_values(rows: np.ndarray, columns: tuple[str, ...]) -> NoReturn:
    row, column = np.argwhere(~np.isfinite(rows))[0]
    value = "NaN" if np.isnan(rows[row, column]) else "infinite or too large for float32"
    raise InputError(f"row {row}, column {columns[column]} is {value}; every value must be a finite number")


def _array(values: Any) -> np.ndarray:
    if isinstance(values, np.ma.MaskedArray):
        raise InputError("a masked array; fill its gaps first, the model cannot see a mask")
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:  # ragged lists and the like
        raise InputError(f"a {type(values).__name__} that is no array: {error}") from None
