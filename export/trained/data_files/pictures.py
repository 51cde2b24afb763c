"""Folders and `.zip` files of pictures, with a sub-folder for each class, for calibration and for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data.dataset import Split
from export.trained.data_files.wanted import Wanted
from runtime.bundle.manifest import OutputRecord
from runtime.commands import pictures
from runtime.commands.pictures import Pictures
from runtime.errors import DataError, InputError


def find_pictures(path: Path) -> Pictures:
    """The pictures in a folder or `.zip` file.

    Raises:
        DataError: there are none, some lie beside the class folders, or in folders of different depth.
    """
    try:
        return pictures.find_pictures(path)
    except InputError as error:
        raise DataError(str(error)) from error


def read_pictures(path: Path, wanted: Wanted, most: int | None = None) -> Split:
    """The pictures in the size that the model takes, and the numbers of their classes.

    Args:
        path: the folder or `.zip` file.
        wanted: a model of one input, an image.
        most: so many pictures at most, evenly over all of them; None reads all.

    Raises:
        DataError: the model takes no image alone, a picture is damaged, or a sub-folder is none of the classes.
    """
    taken = wanted.only_input(path, "a folder of pictures")
    if taken.kind != "image":
        raise DataError(
            f"{path}: a folder of pictures is for an image, and {wanted.names.own[taken.name]} takes {taken.kind}s of "
            f"the shape {list(taken.shape)}; give an .npz file"
        )
    found = find_pictures(path)
    if most is not None and len(found.members) > most:
        places = np.linspace(0, len(found.members) - 1, most).round().astype(int)
        found = found._replace(members=tuple(found.members[place] for place in places))
    try:
        images, _ = pictures.read_pictures(found, taken)
    except InputError as error:
        raise DataError(str(error)) from error
    outputs = [output for output in wanted.outputs if output.labels is not None]
    targets = {}
    if found.classes is not None and len(outputs) == 1:
        targets[outputs[0].name] = _classes(found, outputs[0])
    return wanted.split(path, {taken.name: images}, targets)


def _classes(found: Pictures, output: OutputRecord) -> list[int]:
    labels = output.labels or ()
    numbers = {label: number for number, label in enumerate(labels)}
    unknown = sorted({member.parent.name for member in found.members} - set(numbers))
    if unknown:
        raise DataError(
            f"{found.path}: the sub-folder {unknown[0]} is none of the classes {', '.join(labels)}; name the folders "
            "as --labels does, in the order of the model's output"
        )
    return [numbers[member.parent.name] for member in found.members]
