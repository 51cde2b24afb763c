"""Checks raw inputs for `predict`: refuses what would be answered wrongly, and says how to mend it."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np

from runtime.backends.feeds import FLOAT32, all_finite, check_rows
from runtime.bundle.manifest import InputRecord
from runtime.errors import BundleError, InputError

Check = Callable[[Any], np.ndarray]

_UINT8 = np.dtype(np.uint8)
_largest = np.maximum.reduce
_FEW = 1024
_BITS = {"int32": 32, "int64": 64}
# What an error calls the values of a kind, and one row of them.
_WORDS = {
    "image": ("images", "image"),
    "table": ("rows", "row"),
    "sequence": ("sequences", "sequence"),
    "text": ("numbers of words", "row"),
    "tensor": ("values", "row"),
}


def feeds_check(
    records: Mapping[str, InputRecord], vocabularies: Mapping[str, bytes]
) -> Callable[[Any], dict[str, np.ndarray]]:
    """Returns the function that checks what `predict` is given and returns an array [n, …] for each input by name.

    It takes a dict by name, and for a model with one input what that input takes as well. `vocabularies` has the
    content of the file with a text's words, by input.
    """
    checks = {name: raw_check(record, vocabularies.get(name)) for name, record in records.items()}

    def check_dict(values: Any) -> dict[str, np.ndarray]:
        if type(values) is not dict and not isinstance(values, Mapping):
            wanted = ", ".join(f"{name!r}: …" for name in checks)
            raise InputError(
                f"a {type(values).__name__}; this model takes several inputs: give it {{{wanted}}}"
            )
        if values.keys() != checks.keys():
            raise InputError(
                f"inputs named {', '.join(sorted(map(str, values))) or 'nothing'}; this model takes {', '.join(checks)}"
            )
        feeds = {}
        for name, check in checks.items():
            try:
                feeds[name] = check(values[name])
            except InputError as error:
                if len(checks) == 1:
                    raise
                raise InputError(f"input {name}: {error}") from None
        if len(feeds) > 1:
            check_rows(feeds)
        return feeds

    if len(checks) > 1:
        return check_dict
    ((only, check_only),) = checks.items()

    def check_one(values: Any) -> dict[str, np.ndarray]:
        if type(values) is dict or (type(values) is not np.ndarray and isinstance(values, Mapping)):
            return check_dict(values)
        return {only: check_only(values)}

    return check_one


def raw_check(record: InputRecord, vocabulary: bytes | None = None) -> Check:
    """Returns the function that checks raw values of one input and returns them as rows [n, *record.shape].

    It returns floats as float32, images and whole numbers in any integer dtype, and copies nothing without need.  It
    raises InputError for values that do not fit.  `vocabulary` is the content of the file with the words of a text.
    """
    if record.kind == "image":
        return _image_check(record)
    if record.kind == "table":
        return _table_check(record)
    if record.kind == "text":
        return _text_check(record, vocabulary)
    if record.dtype == "float":
        return _float_check(record)
    return _bool_check(record) if record.dtype == "bool" else _whole_check(record)


def _image_check(record: InputRecord) -> Check:
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
    plain = (height, width) if channels == 1 else record.shape
    if not images.ndim or images.shape[1:] not in (record.shape, plain):
        _refuse_shape(
            images, record, f"[n, {', '.join(map(str, plain))}]", images.shape in (record.shape, plain)
        )
    return images.reshape(len(images), *record.shape)


def _table_check(record: InputRecord) -> Check:
    columns = record.columns or tuple(map(str, range(record.shape[0])))

    def check(values: Any) -> np.ndarray:
        plain = type(values) is np.ndarray and values.dtype is FLOAT32
        rows: np.ndarray = values if plain else _float32_rows(values, columns)
        if rows.ndim != 2 or rows.shape[1:] != record.shape:
            _refuse_shape(rows, record, f"[n, {len(columns)}]: {', '.join(columns)}")
        if not all_finite(rows):
            row, column = np.argwhere(~np.isfinite(rows))[0]
            _refuse_value(rows[row, column], f"row {row}, column {columns[column]}")
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
    return _float32(array)


def _float_check(record: InputRecord) -> Check:
    values_word, _ = _WORDS[record.kind]

    def check(values: Any) -> np.ndarray:
        rows = values if type(values) is np.ndarray else _array(values)
        if rows.dtype.kind != "f":
            scaled = rows.dtype.kind in "iu"
            fix = ": give it float32, scaled as the model was trained" if scaled else ""
            raise InputError(
                f"the {values_word} are {rows.dtype}; this model takes floating-point numbers{fix}"
            )
        _check_shape(rows, record)
        rows = rows if rows.dtype is FLOAT32 else _float32(rows)
        if not all_finite(rows):
            place = tuple(map(int, np.argwhere(~np.isfinite(rows))[0]))
            _refuse_value(rows[place], f"the value at {list(place)}")
        return rows

    return check


def _float32(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # a value that overflows becomes Inf, which is refused later
        floats: np.ndarray = array.astype(FLOAT32)
        return floats


def _bool_check(record: InputRecord) -> Check:
    values_word, row_word = _WORDS[record.kind]

    def check(values: Any) -> np.ndarray:
        rows = _array(values)
        if rows.dtype.kind != "b":
            raise InputError(
                f"the {values_word} are {rows.dtype}; this model takes bool: give it {row_word}s != 0"
            )
        _check_shape(rows, record)
        return rows

    return check


def _whole_check(record: InputRecord) -> Check:
    values_word, row_word = _WORDS[record.kind]
    bits = _BITS.get(record.dtype)
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if bits else (0, 255)
    low = least if record.low is None else int(record.low)
    high = most if record.high is None else int(record.high)

    def check(values: Any) -> np.ndarray:
        rows = values if type(values) is np.ndarray else _array(values)
        if rows.dtype.kind not in "iu":
            whole = rows.dtype.kind == "f" and bool((rows == np.floor(rows)).all())
            fix = f": give it {row_word}s.astype('{record.dtype}')" if whole else ""
            raise InputError(f"the {values_word} are {rows.dtype}; this model takes whole numbers{fix}")
        _check_shape(rows, record)
        if rows.size and not (low <= int(rows.min()) and int(rows.max()) <= high):
            raise InputError(
                f"{values_word} from {rows.min()} to {rows.max()}; this model takes whole numbers from {low} to {high}"
            )
        return rows

    return check


def _text_check(record: InputRecord, vocabulary: bytes | None) -> Check:
    check_numbers = _whole_check(record)
    numbers_of: dict[str, int] = {}

    def check(values: Any) -> np.ndarray:
        if isinstance(values, str):
            raise InputError("a single text; this model takes a list of texts: give it [text]")
        texts = _texts(values)
        if texts is None:
            return check_numbers(values)
        if vocabulary is None:
            raise InputError("texts, without a vocabulary at hand; give the numbers of their words")
        from runtime.text import read_vocabulary, to_numbers

        if not numbers_of:
            words = read_vocabulary(vocabulary)
            if max(words.values()) != record.high:
                raise BundleError(
                    f"the vocabulary of the input {record.name} has numbers up to {max(words.values())}, the manifest "
                    f"says {int(record.high or 0)}; export the bundle again"
                )
            numbers_of.update(words)
        return to_numbers(texts, numbers_of, record.shape[0])

    return check


def _texts(values: Any) -> list[str] | None:
    """The texts in a list, or in an array or data frame's column; None where they are no texts."""
    if isinstance(values, list | tuple):
        return list(values) if all(isinstance(value, str) for value in values) else None
    array = _array(values)
    if array.ndim != 1 or array.dtype.kind not in "UTO":
        return None
    return [str(value) if array.dtype.kind != "O" else value for value in array.tolist()]


def _check_shape(rows: np.ndarray, record: InputRecord) -> None:
    if not rows.ndim or rows.shape[1:] != record.shape:
        _refuse_shape(rows, record, f"[{', '.join(map(str, ('n', *record.shape)))}]")


def _refuse_shape(rows: np.ndarray, record: InputRecord, wanted: str, one: bool | None = None) -> NoReturn:
    values, row = _WORDS[record.kind]
    is_one = rows.shape == record.shape if one is None else one
    hint = f"; for a single {row} give {row}[None]" if is_one else ""
    raise InputError(f"the {values} have the shape {list(rows.shape)}, this model takes {wanted}{hint}")


def _refuse_value(value: Any, place: str) -> NoReturn:
    problem = "NaN" if np.isnan(value) else "infinite or too large for float32"
    raise InputError(f"{place} is {problem}; every value must be a finite number")


def _array(values: Any) -> np.ndarray:
    if isinstance(values, np.ma.MaskedArray):
        raise InputError("a masked array; fill its gaps first, the model cannot see a mask")
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:  # ragged lists and the like
        raise InputError(f"a {type(values).__name__} that is no array: {error}") from None
