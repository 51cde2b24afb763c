"""A .csv file: lines of cells under the names of their columns, which may be missing."""

import csv
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from runtime.errors import InputError


class CsvFile(NamedTuple):
    """The content of a .csv file.

    Attributes:
        path: where it is, for errors.
        names: of the columns; None where the first line holds values already.
        lines: the cells of each line below the names, as many in each.
    """

    path: Path
    names: tuple[str, ...] | None
    lines: list[list[str]]

    @property
    def width(self) -> int:
        """How many cells a line has."""
        return len(self.lines[0]) if self.lines else len(self.names or ())

    def places(self, columns: Sequence[str]) -> list[int]:
        """Where these columns are; InputError where one is missing."""
        missing = [column for column in columns if column not in (self.names or ())]
        if missing:
            known = f"; its columns: {', '.join(self.names)}" if self.names else ": it has no header"
            raise InputError(f"{self.path}: no column {', '.join(missing)}{known}")
        return [(self.names or ()).index(column) for column in columns]

    def numbers(self, places: Sequence[int] | None = None) -> np.ndarray:
        """The numbers in the columns at these places, or in all: float64 [n, columns].

        Raises:
            InputError: a cell is no number.
        """
        wanted = list(range(self.width) if places is None else places)
        found = np.empty((len(self.lines), len(wanted)))
        for row, line in enumerate(self.lines):
            for column, place in enumerate(wanted):
                try:
                    found[row, column] = float(line[place])
                except ValueError:
                    name = self.names[place] if self.names else place + 1
                    raise InputError(
                        f"{self.path}: row {row + 1}, column {name}: {line[place][:40]!r} is not a number"
                    ) from None
        return found

    def texts(self, place: int) -> list[str]:
        """The cells of one column as they are."""
        return [line[place] for line in self.lines]


def read_csv(path: Path, words: Collection[str] = ()) -> CsvFile:
    """The content of a .csv file; its first line is a header unless all of it are numbers or one of `words`.

    Raises:
        InputError: the file is missing or damaged, has lines of different length, or two columns of one name.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    if not lines:
        raise InputError(f"{path}: is empty; give a line for each row")
    values = all(is_number(cell) or cell.strip() in words for cell in lines[0])
    names = None if values else tuple(cell.strip() for cell in lines[0])
    if names and len(set(names)) != len(names):
        raise InputError(f"{path}: two columns have the same name; its columns: {', '.join(names)}")
    rows, width = lines if names is None else lines[1:], len(lines[0])
    for number, line in enumerate(rows, 1):
        if len(line) != width:
            raise InputError(f"{path}: row {number} has {len(line)} cells, the first line has {width}")
    return CsvFile(path, names, rows)


def is_number(cell: str) -> bool:
    """Whether a cell holds a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
