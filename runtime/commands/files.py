"""Reads the files that commands take, as raw inputs of a model."""

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from runtime.bundle.manifest import InputRecord
from runtime.commands.arrays import first_of, is_array, read_array, read_arrays
from runtime.commands.csv_file import CsvFile, read_csv
from runtime.commands.images import SUFFIXES, read_image
from runtime.commands.pictures import find_pictures, is_pictures, read_pictures
from runtime.errors import InputError

_PICTURES = f"pictures ({', '.join(SUFFIXES)}), a folder or .zip of pictures"
KNOWN = f".npy, .npz, .csv, .txt, {_PICTURES}, IDX (-ubyte, -ubyte.gz)"
INPUTS, TARGETS = (
    "inputs",
    "targets",
)  # what an array of an .npz may be called where the model has one of them
_EXACT = 1 << 53  # float64 does not tell larger whole numbers apart


def read_inputs(
    path: Path, inputs: Mapping[str, InputRecord], invert: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """The raw values of all inputs of a model in one file.

    Args:
        path: an .npz with an array named after each input, or a .csv with the columns of several tables; where the
            model has one input, any file that `read_input` takes.
        inputs: what the model takes, by name.
        invert: whether black on white becomes white on black.

    Returns:
        The values by name, one row or many of each, as `predict` takes them; and notes on what was converted.

    Raises:
        InputError: the file does not hold such inputs.
    """
    if len(inputs) == 1:
        (record,) = inputs.values()
        values, notes = read_input(path, record, invert)
        return {record.name: values}, notes
    suffix = path.suffix.lower()
    if suffix == ".npz":
        arrays = read_arrays(path)
        found = {name: _of_arrays(path, arrays, record, alone=False) for name, record in inputs.items()}
    elif suffix == ".csv" and all(record.kind == "table" for record in inputs.values()):
        table = read_csv(path)
        if table.names is None:
            raise InputError(f"{path}: has no header; the model has several tables, so columns need names")
        found = {name: table.numbers(table.places(record.columns or ())) for name, record in inputs.items()}
    else:
        raise InputError(
            f"{path}: is one file, but the model takes {', '.join(inputs)}; give an .npz with arrays named so, or "
            f"{' '.join(f'{name}=FILE' for name in inputs)}"
        )
    if invert:
        found |= {
            name: inverted(path, found[name], record)
            for name, record in inputs.items()
            if record.kind == "image"
        }
    return found, []


def read_input(path: Path, record: InputRecord, invert: bool = False) -> tuple[Any, list[str]]:
    """The raw values of one input in a file, and notes on what was converted.

    Args:
        path: a picture of an image, or a folder or .zip of pictures; a .csv; a .txt of texts, one a line; an .npz, .npy
            or IDX file.
        record: what the input takes.
        invert: whether black on white becomes white on black.

    Returns:
        One row or many, as `predict` takes them: an array, or a list of texts; and the notes.

    Raises:
        InputError: the file does not hold such inputs.
    """
    suffix = path.suffix.lower()
    notes: list[str] = []
    values: Any
    if is_pictures(path):
        _refuse_other(path, "a folder of pictures", "image", record)
        values, notes = read_pictures(find_pictures(path), record)
    elif suffix in SUFFIXES:
        _refuse_other(path, "an image", "image", record)
        values, notes = read_image(path, record)
    elif suffix == ".txt":
        _refuse_other(path, "a file of texts", "text", record)
        values = _texts(path)
    elif suffix == ".csv":
        values = _of_csv(read_csv(path), record)
    elif suffix == ".npz":
        values = _of_arrays(path, read_arrays(path), record, alone=True)
    elif is_array(path):
        values = _texts_or_array(read_array(path), record)
    else:
        raise InputError(f"{path}: unknown kind of file; known: {KNOWN}")
    return (inverted(path, values, record) if invert else values), notes


def as_rows(where: str, numbers: np.ndarray, record: InputRecord) -> np.ndarray:
    """The rows of one input in lines of numbers: a row a line, or of a sequence one row with a step a line.

    Args:
        where: the lines come from, for errors.
        numbers: float64 [lines, width].
        record: the input.

    Returns:
        [n, …shape]: float64, whole numbers or bool, as the input takes them.

    Raises:
        InputError: there are not as many numbers as the input takes, or they are not whole.
    """
    lines, width = numbers.shape
    a_step_a_line = record.kind in ("sequence", "tensor") and (lines, width) == (*record.shape, 1)[:2]
    if width != prod(record.shape) and not a_step_a_line:
        steps = ""
        if record.kind == "sequence":
            count, features = (*record.shape, 1)[:2]
            steps = f", or a step a line: {count} lines of {features}"
        names = f": {', '.join(record.columns)}" if record.columns else ""
        found = f"{lines} line{'s'[: lines != 1]} of {width} number{'s'[: width != 1]}"
        raise InputError(
            f"{where}: {found}; the input {record.name} takes {prod(record.shape)} a line{names}{steps}"
        )
    rows = numbers.reshape(1 if width != prod(record.shape) else lines, *record.shape)
    return rows if record.dtype == "float" else _whole(where, rows, record)


def inverted(where: Path | str, values: Any, record: InputRecord) -> Any:
    """Pixels with dark and light exchanged; InputError where they are none."""
    if record.kind != "image":
        raise InputError(
            f"{where}: --invert is for images; the input {record.name} is of the kind {record.kind}"
        )
    if values.dtype.kind not in "iu":
        raise InputError(f"{where}: --invert takes whole pixel values, these are {values.dtype}")
    return (int(record.low or 0) + int(255 if record.high is None else record.high)) - values


def _refuse_other(path: Path, what: str, kind: str, record: InputRecord) -> None:
    if record.kind != kind:
        raise InputError(
            f"{path}: {what}; the input {record.name} takes {_taken(record)}; give {_FILES[record.kind]}"
        )


_FILES = {
    "image": "a picture, or a folder of pictures",
    "table": "a .csv with these columns",
    "sequence": "a .csv with a step a line, or an .npy",
    "text": "a .txt with a text a line",
    "tensor": "an .npy or .npz",
}


def _taken(record: InputRecord) -> str:
    """What an input takes, in a few words."""
    shape = "x".join(map(str, record.shape))
    return {
        "image": f"images of {shape} pixels",
        "table": f"rows of {', '.join(record.columns or ())}",
        "sequence": f"sequences of {shape} numbers",
        "text": "texts",
        "tensor": f"{shape or 'single'} numbers",
    }[record.kind]


def _texts(path: Path) -> list[str]:
    """The lines of a file; an empty one is an empty text."""
    try:
        lines = path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    if lines == [""]:
        raise InputError(f"{path}: is empty; give a text a line")
    return lines


def _of_csv(table: CsvFile, record: InputRecord) -> Any:
    if record.kind == "table" and table.names:
        return table.numbers(table.places(record.columns or ()))
    if record.kind == "text" and table.names:
        return table.texts(table.places([record.name])[0])
    return as_rows(str(table.path), table.numbers(), record)


def _of_arrays(path: Path, arrays: Mapping[str, np.ndarray], record: InputRecord, alone: bool) -> Any:
    found = first_of(arrays, [record.name, f"{INPUTS}/{record.name}", *([INPUTS] * alone)])
    if found is None and alone and len(arrays) == 1:
        (found,) = arrays.values()
    if found is None:
        needed = f"{INPUTS!r} or {record.name!r}" if alone else repr(record.name)
        raise InputError(f"{path}: holds the arrays {', '.join(arrays)}; one must be called {needed}")
    return _texts_or_array(found, record)


def _texts_or_array(array: np.ndarray, record: InputRecord) -> Any:
    """An array of strings as the list that `predict` takes of texts."""
    return array.tolist() if record.kind == "text" and array.dtype.kind == "U" else array


def _whole(where: str, rows: np.ndarray, record: InputRecord) -> np.ndarray:
    """The numbers in the dtype of whole ones."""
    with np.errstate(invalid="ignore"):  # NaN becomes some integer, which then differs
        whole = rows.astype(np.int64)
    bad = (whole != rows) | (np.abs(rows) > _EXACT)
    if record.dtype == "bool":
        bad |= (whole != 0) & (whole != 1)
    if bad.any():
        needed = "0 or 1" if record.dtype == "bool" else "whole numbers"
        what = f"{prod(record.shape)} whole pixel values a line" if record.kind == "image" else needed
        raise InputError(f"{where}: holds {rows[bad][0]:g}; the input {record.name} takes {what}")
    return whole.astype(bool) if record.dtype == "bool" else whole
