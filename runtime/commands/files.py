"""Reads the files that commands take: .npy, .npz, .csv, IDX, PNG and JPEG, as raw inputs or targets of a model."""

import csv
import gzip
import zlib
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from runtime.bundle.manifest import InputRecord
from runtime.errors import InputError, UsageError

_IMAGES = (".png", ".jpg", ".jpeg")
_IDX_UINT8 = 8
KNOWN = ".npy, .npz, .csv, .png, .jpg, IDX (-ubyte, -ubyte.gz)"


def read_inputs(path: Path, record: InputRecord, invert: bool = False) -> tuple[np.ndarray, list[str]]:
    """The raw inputs in a file, one row or many, as `predict` takes them; and notes on what was converted.

    `invert` turns black on white into white on black. InputError where the file does not hold such inputs.
    """
    if invert and record.kind != "image":
        raise UsageError("--invert is for images; this model takes tables")
    notes: list[str] = []
    if path.suffix.lower() in _IMAGES:
        if record.kind != "image":
            raise InputError(
                f"{path}: an image; this model takes tables with {', '.join(record.columns or ())}"
            )
        from runtime.commands.images import read_image

        array, notes = read_image(path, record)
    elif path.suffix.lower() == ".csv":
        array = _csv_inputs(path, record)
    else:
        array = _read_array(path, "inputs")
    if invert:
        if array.dtype.kind not in "iu":
            raise InputError(f"{path}: --invert takes whole pixel values, these are {array.dtype}")
        array = (int(record.low or 0) + int(record.high or 255)) - array
    return array, notes


def read_targets(path: Path) -> np.ndarray:
    """The targets in a .npy, .npz, IDX or one-column .csv file."""
    if path.suffix.lower() != ".csv":
        return _read_array(path, "targets")
    names, rows = _read_csv(path)
    if rows.shape[1] != 1:
        raise InputError(
            f"{path}: has the columns {', '.join(names or ['?'])}; name one with --target-column"
        )
    return rows[:, 0]


def read_column(path: Path, column: str) -> np.ndarray:
    """One column of a .csv with a header."""
    names, rows = _read_csv(path)
    if names is None or column not in names:
        known = f"; its columns: {', '.join(names)}" if names else ": it has no header"
        raise InputError(f"{path}: no column {column!r}{known}")
    return rows[:, names.index(column)]


def _read_array(path: Path, key: str) -> np.ndarray:
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".npz") and "ubyte" not in path.name and "idx" not in path.name:
        raise InputError(f"{path}: unknown kind of file; known: {KNOWN}")
    try:
        if suffix in (".npy", ".npz"):
            loaded: Any = np.load(path, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else _member(path, loaded, key)
        content = path.read_bytes()
        return _parse_idx(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist") from None
    except (ValueError, EOFError, OSError, zlib.error, MemoryError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except Exception as error:  # numpy lets through what zipfile and its header parser raise on damaged files
        raise InputError(f"{path}: damaged: {error}") from None


def _member(path: Path, archive: Any, key: str) -> np.ndarray:
    names = list(archive)
    if key not in names and len(names) != 1:
        raise InputError(f"{path}: holds the arrays {', '.join(names)}; one must be called {key!r}")
    array: np.ndarray = archive[key if key in names else names[0]]
    return array


def _parse_idx(content: bytes) -> np.ndarray:
    """The array in an IDX file, the format of MNIST: two zeros, type, rank, big-endian extents, values."""
    if len(content) < 4 or content[:3] != bytes((0, 0, _IDX_UINT8)) or not 1 <= content[3] <= 4:
        raise ValueError("not an IDX file of bytes")
    start = 4 + 4 * content[3]
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    if len(content) != start + prod(shape):
        raise ValueError(f"an IDX file of {len(content)} bytes whose header says {start + prod(shape)}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _csv_inputs(path: Path, record: InputRecord) -> np.ndarray:
    names, rows = _read_csv(path)
    if record.kind == "image":
        with np.errstate(invalid="ignore"):  # NaN becomes some integer, which then differs
            pixels = rows.astype(np.int64)
        if (pixels != rows).any() or rows.shape[1] != prod(record.shape):
            raise InputError(f"{path}: each line must hold {prod(record.shape)} whole pixel values")
        return pixels.reshape(len(rows), *record.shape)
    columns = list(record.columns or ())
    if names is None:
        if rows.shape[1] != len(columns):
            raise InputError(
                f"{path}: has {rows.shape[1]} columns and no header; this model takes {', '.join(columns)}"
            )
        return rows
    missing = [column for column in columns if column not in names]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; its columns: {', '.join(names)}")
    return rows[:, [names.index(column) for column in columns]]


def _read_csv(path: Path) -> tuple[list[str] | None, np.ndarray]:
    """The header, None where the first line holds numbers, and the numbers: float64 [n, columns]."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    names = None if not lines or all(_is_number(cell) for cell in lines[0]) else [c.strip() for c in lines[0]]
    if names and len(set(names)) != len(names):
        raise InputError(f"{path}: two columns have the same name; its columns: {', '.join(names)}")
    width = len(lines[0]) if lines else 0
    start = 0 if names is None else 1
    rows = np.empty((max(0, len(lines) - start), width))
    for index, line in enumerate(lines[start:]):
        if len(line) != width:
            raise InputError(f"{path}: row {index + 1} has {len(line)} cells, the first line has {width}")
        for column, cell in enumerate(line):
            try:
                rows[index, column] = float(cell)
            except ValueError:
                where = f"row {index + 1}, column {names[column] if names else column + 1}"
                raise InputError(f"{path}: {where}: {cell[:40]!r} is not a number") from None
    return names, rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
