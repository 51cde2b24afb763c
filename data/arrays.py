"""Named arrays as .npz files: the bytes of one, and the arrays of one."""

from __future__ import annotations

import io
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


def read_npz(
    path: Path, names: tuple[str, ...], error: type[EdgeProofError], remedy: str
) -> dict[str, NDArray[Any]]:
    """The named arrays of an `.npz` file, as they stand in it.

    Args:
        path: the file.
        names: the arrays that it must hold; others in it are not read.
        error: what is raised for a file that is missing or damaged, or that lacks one of the arrays.
        remedy: how the user mends it, for the end of the error's text.
    """
    expected = f"expected the arrays {', '.join(names)}; {remedy}"
    try:
        with path.open("rb") as file:
            if not is_zipfile(file):
                raise ValueError("it is not an .npz archive")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in names if name in arrays.files}
                held = ", ".join(arrays.files) or "no arrays"
    except Exception as cause:  # zipfile, zlib and numpy raise a dozen kinds on damaged files
        reason = getattr(cause, "strerror", None) or first_line(cause)
        raise error(f"{path} cannot be read ({reason}); {expected}") from cause
    if len(found) < len(names):
        raise error(f"{path} holds {held}; {expected}")
    return found
