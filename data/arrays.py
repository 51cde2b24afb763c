"""Named arrays as .npz files: the bytes of one, and the arrays of one."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from runtime.errors import EdgeProofError, first_line


def npz(**arrays: Any) -> bytes:
    """The bytes of a compressed `.npz` file."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def grouped(**groups: Mapping[str, Any] | None) -> dict[str, Any]:
    """The arrays of several groups in one dict, each called `group/name`; a group that is None has none."""
    return {
        f"{group}/{name}": array for group, arrays in groups.items() for name, array in (arrays or {}).items()
    }


def read_npz(
    path: Path, error: type[EdgeProofError], remedy: str, group: str | None = None
) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz` file by name, as they stand in it.

    Args:
        path: the file.
        error: what is raised for a file that is missing or damaged.
        remedy: how the user mends it, for the end of the error's text.
        group: only the arrays called `group/…` are read, and given under what follows; None reads all.
    """
    prefix = "" if group is None else f"{group}/"
    try:
        with path.open("rb") as file:
            if not is_zipfile(file):
                raise ValueError("it is not an .npz archive")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return {
                    name.removeprefix(prefix): arrays[name]
                    for name in arrays.files
                    if name.startswith(prefix)
                }
    except Exception as cause:  # zipfile, zlib and numpy raise a dozen kinds on damaged files
        reason = getattr(cause, "strerror", None) or first_line(cause)
        raise error(f"{path} cannot be read ({reason}); {remedy}") from cause
