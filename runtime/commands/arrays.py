"""Arrays in files of their own kinds: .npy, .npz and IDX, the format of MNIST."""

import gzip
import zlib
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path

import numpy as np

from runtime.errors import InputError

_IDX_UINT8 = 8


def read_array(path: Path) -> np.ndarray:
    """The array in an .npy or IDX file; nothing is unpickled. InputError where the file is missing or damaged."""
    found = _read(path)
    if not isinstance(found, np.ndarray):
        raise InputError(f"{path}: holds several arrays, as an .npz file; name it so")
    return found


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays in an .npz file by name; nothing is unpickled. InputError where the file is missing or damaged."""
    found = _read(path)
    if isinstance(found, np.ndarray):
        raise InputError(f"{path}: holds one array, as an .npy file; name it so")
    return found


def is_array(path: Path) -> bool:
    """Whether a file's name says that it holds one array."""
    return path.suffix.lower() == ".npy" or "ubyte" in path.name or "idx" in path.name


def first_of(arrays: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray | None:
    """The array with the first of these names that there is; None where there is none."""
    return next((arrays[name] for name in names if name in arrays), None)


def _read(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    try:
        if path.suffix.lower() in (".npy", ".npz"):
            loaded = np.load(path, allow_pickle=False)
            return loaded if isinstance(loaded, np.ndarray) else dict(loaded)
        content = path.read_bytes()
        return _parse_idx(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
    except FileNotFoundError:
        raise InputError(f"{path}: does not exist") from None
    except (ValueError, EOFError, OSError, zlib.error, MemoryError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    except Exception as error:  # numpy lets through what zipfile and its header parser raise on damaged files
        raise InputError(f"{path}: damaged: {error}") from None


def _parse_idx(content: bytes) -> np.ndarray:
    """The array in an IDX file: two zeros, type, rank, big-endian extents, values."""
    if len(content) < 4 or content[:3] != bytes((0, 0, _IDX_UINT8)) or not 1 <= content[3] <= 4:
        raise ValueError("not an IDX file of bytes")
    start = 4 + 4 * content[3]
    shape = tuple(int.from_bytes(content[at : at + 4], "big") for at in range(4, start, 4))
    if len(content) != start + prod(shape):
        raise ValueError(f"an IDX file of {len(content)} bytes whose header says {start + prod(shape)}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
