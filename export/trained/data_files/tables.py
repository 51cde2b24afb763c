"""Tables in `.csv` files: a line of column names, then a row a line."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.dataset import Split
from export.trained.data_files.wanted import Wanted
from export.trained.names import Names
from runtime.errors import DataError, UsageError

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")  # no "nan", which may be a class


def columns(path: Path, target_columns: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns that are inputs.

    Raises:
        DataError: the file cannot be read, or has no line of names.
        UsageError: a column of targets is not there.
    """
    header, _ = _lines(path, rows=False)
    for column in target_columns:
        if column not in header:
            raise UsageError(
                f"--target-column {column}: {path} has no such column; its columns are {', '.join(header)}"
            )
    return tuple(name for name in header if name not in target_columns)


def read_csv_file(path: Path, wanted: Wanted) -> Split:
    """The rows of a table; columns are bound by name where the model's input has names. A text is one column.

    Raises:
        DataError: the file cannot be read, a column is missing, or a value is no number.
        UsageError: a column of targets is not there, or none was named and there is one column too many.
    """
    taken = wanted.only_input(path, "a table")
    if len(taken.shape) != 1:
        raise DataError(
            f"{path}: a table is for an input of rows, and {wanted.names.own[taken.name]} takes "
            f"{list(taken.shape)}; give an .npz file"
        )
    given = columns(path, wanted.target_columns)
    header, rows = _lines(path, rows=True)
    targets = _targets(path, header, rows, wanted)
    if taken.kind == "text" and len(given) == 1:
        return wanted.split(path, {taken.name: [row[header.index(given[0])] for row in rows]}, targets)
    names = taken.columns if taken.columns is not None and set(taken.columns) <= set(given) else given
    if len(given) != taken.shape[0]:
        raise UsageError(
            f"{path} has the columns {', '.join(given)}, and the model takes {taken.shape[0]}; "
            f"{_remedy(len(given) > taken.shape[0], bool(wanted.target_columns))}"
        )
    inputs = np.stack([_numbers(path, header, rows, name) for name in names], axis=1)
    return wanted.split(path, {taken.name: _in_dtype(inputs, taken.dtype)}, targets)


def targets_in_table(
    path: Path, target_columns: Sequence[str], names: Names
) -> dict[str, NDArray[np.generic]]:
    """The columns of targets by the public name of an output, before anything is known of the outputs.

    One column for each: several for one output are values.

    Raises:
        DataError: the file cannot be read.
        UsageError: a column is not there.
    """
    columns(path, target_columns)
    named = _by_output({output: (output, names.own[output]) for output in names.outputs}, target_columns)
    single = {output: found[0] for output, found in named.items() if len(found) == 1}
    if not single:
        return {}
    header, rows = _lines(path, rows=True)
    return {output: _texts_or_numbers(path, header, rows, column, True) for output, column in single.items()}


def _by_output(
    known: Mapping[str, Sequence[str]], target_columns: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The columns of each output, of which the names are known: for a single one all, of several that of its name."""
    if len(known) == 1:
        return dict.fromkeys(known, tuple(target_columns))
    return {
        output: tuple(name for name in names if name in target_columns)[:1] for output, names in known.items()
    }


def _remedy(too_many: bool, told: bool) -> str:
    if not too_many:
        return "add those that are missing"
    target = "" if told else ", and say with --target-column which of them is the target"
    return f"leave the others out of the file{target}"


def _in_dtype(values: NDArray[np.float64], dtype: str) -> NDArray[np.generic]:
    """Whole numbers as such where the input takes them."""
    whole = dtype != "float" and bool((values == np.floor(values)).all())
    return values.astype(np.int64) if whole else values


def _targets(
    path: Path, header: list[str], rows: list[list[str]], wanted: Wanted
) -> dict[str, NDArray[np.generic]]:
    """The columns of targets, each for an output: by the output's name, or all for the only one."""
    outputs = wanted.with_targets
    if not wanted.target_columns:
        return {}
    named = _by_output({output.name: wanted.known_as(output) for output in outputs}, wanted.target_columns)
    if len(outputs) != 1:
        unbound = set(wanted.target_columns) - {name for names in named.values() for name in names}
        if unbound:
            raise UsageError(
                f"--target-column {sorted(unbound)[0]}: the model has several outputs, "
                f"{', '.join(output.name for output in outputs)}; call the columns so"
            )
    records = {output.name: output for output in outputs}
    found: dict[str, NDArray[np.generic]] = {}
    for name, names in named.items():
        if names:
            classes = records[name].labels is not None
            parts = [_texts_or_numbers(path, header, rows, column, classes) for column in names]
            found[name] = parts[0] if len(parts) == 1 else np.stack(parts, axis=1)
    return found


def _texts_or_numbers(
    path: Path, header: list[str], rows: list[list[str]], column: str, classes: bool
) -> NDArray[np.generic]:
    """A column of targets: the names of classes where there are such and they are no numbers, else numbers."""
    texts = [row[header.index(column)].strip() for row in rows]
    if classes and not all(_NUMBER.fullmatch(text) for text in texts):
        return np.asarray(texts)
    return _numbers(path, header, rows, column)


def _numbers(path: Path, header: list[str], rows: list[list[str]], column: str) -> NDArray[np.float64]:
    place = header.index(column)
    found = np.empty(len(rows))
    for index, row in enumerate(rows):
        try:
            found[index] = float(row[place])
        except ValueError:
            raise DataError(
                f"{path}: line {index + 2}, column {column} is {row[place]!r}; every value must be a number"
            ) from None
        if not math.isfinite(found[index]):
            raise DataError(f"{path}: line {index + 2}, column {column} is {row[place]!r}; fill gaps first")
    return found


def _lines(path: Path, rows: bool) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and the rows where they are wanted."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            header = [name.strip() for name in next(reader, [])]
            found = [row for row in reader if row] if rows else []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path} cannot be read ({error}); give a table with a line of column names"
        ) from error
    mark = next((mark for mark in ";\t" if len(header) == 1 and mark in header[0]), None)
    if mark is not None:
        raise DataError(
            f"{path}: its columns are separated by {mark!r}; separate them by commas, with a point in numbers"
        )
    if not header or any(_is_number(name) for name in header) or len(set(header)) < len(header):
        raise DataError(
            f"{path}: its first line is {','.join(header)[:100]!r}; expected the names of the columns, each once"
        )
    uneven = next((index for index, row in enumerate(found) if len(row) != len(header)), None)
    if uneven is not None:
        raise DataError(
            f"{path}: row {uneven + 1} has {len(found[uneven])} values, and the columns are {len(header)}"
        )
    return header, found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return not text
    return True
