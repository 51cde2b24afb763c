"""The user's data of any kind, by what the file or folder is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from data.dataset import Split
from export.trained.data_files import named_arrays, pictures, tables, texts
from export.trained.data_files.wanted import Wanted
from export.trained.names import Names
from export.trained.user_model import Data
from runtime.errors import DataError

_READERS: Mapping[str, Callable[[Path, Wanted], Split]] = {
    ".npz": named_arrays.read_npz_file,
    ".npy": named_arrays.read_npy_file,
    ".csv": tables.read_csv_file,
    ".txt": texts.read_txt_file,
    ".zip": pictures.read_pictures,
    "": pictures.read_pictures,
}
_EXPECTED = "expected an .npz, .npy, .csv, .txt or .zip file, or a folder of pictures"


@dataclass(frozen=True)
class Told:
    """What data say of a model before they are read.

    Attributes:
        columns: the names of a table's columns; None for other data.
        classes: the names of the folders of pictures; None where there are none.
        pictures: the folder or file of pictures; None for other data.
        targets: by the public name of an output, what the answers should have been, as it stands in the data; for
            pictures nothing, their folders tell.
    """

    columns: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    pictures: Path | None = None
    targets: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def told(data: Data | None, target_columns: tuple[str, ...], names: Names) -> Told:
    """What the data say; nothing where there are none. `names` are those of the outputs.

    Raises:
        DataError: they cannot be read.
        UsageError: a column of targets is not there.
    """
    if data is None:
        return Told()
    if not isinstance(data, Path):
        return Told(targets=named_arrays.targets_among(data, names))
    kind = _kind(data)
    if kind == ".npz":
        return Told(targets=named_arrays.targets_in_npz(data, names))
    if kind == ".csv":
        return Told(
            columns=tables.columns(data, target_columns),
            targets=tables.targets_in_table(data, target_columns, names),
        )
    if kind in (".zip", ""):
        return Told(classes=pictures.find_pictures(data).classes, pictures=data)
    return Told()


def read(data: Data, wanted: Wanted, option: str) -> Split:
    """The raw values, by public name; `option` is what they were given with, for errors.

    Raises:
        DataError: they cannot be read, or do not fit the model.
        UsageError: the columns of a table are not the model's.
    """
    if not isinstance(data, Path):
        return named_arrays.from_arrays(Path(option), data, wanted)
    return _READERS[_kind(data)](data, wanted)


def _kind(path: Path) -> str:
    """The suffix of a file, or nothing for a folder."""
    if path.is_dir():
        return ""
    if not path.exists():
        raise DataError(f"{path} does not exist; {_EXPECTED}")
    if path.suffix.lower() not in _READERS or not path.suffix:
        raise DataError(f"{path} is of an unknown kind; {_EXPECTED}")
    return path.suffix.lower()
