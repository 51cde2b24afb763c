"""Texts in `.txt` files, one a line."""

from __future__ import annotations

from pathlib import Path

from data.dataset import Split
from export.trained.data_files.wanted import Wanted
from runtime.errors import DataError


def read_txt_file(path: Path, wanted: Wanted) -> Split:
    """The texts of a file, for the only input; empty lines are left out.

    Raises:
        DataError: the file cannot be read, or the model takes no text alone.
    """
    taken = wanted.only_input(path, "a .txt file")
    if taken.kind != "text":
        raise DataError(
            f"{path}: a .txt file is for texts, and {wanted.names.own[taken.name]} takes {taken.kind}s; give the words "
            "of the texts with --vocabulary, or an .npz file"
        )
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); give a text file, one text a line") from error
    return wanted.split(path, {taken.name: [line for line in lines if line.strip()]}, {})
