"""Folders and `.zip` files of pictures, with a sub-folder for each class."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np

from data.dataset import Split
from export.trained.data_files.wanted import Wanted
from runtime.bundle.manifest import OutputRecord
from runtime.commands.images import read_image
from runtime.errors import DataError, InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
_EXPECTED = "expected a sub-folder of pictures for each class, or pictures alone to calibrate with"


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder or `.zip` file: their paths inside it in alphabetical order."""

    path: Path
    members: tuple[PurePosixPath, ...]

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the sub-folders in alphabetical order; None for pictures without any."""
        return tuple(sorted({member.parent.name for member in self.members})) if self._sorted else None

    @property
    def _sorted(self) -> bool:
        return len({member.parent for member in self.members}) > 1 or len(self.members[0].parts) > 1

    @contextmanager
    def opened(self) -> Iterator[zipfile.ZipFile | None]:
        """The `.zip` file open for reading; None for a folder."""
        if self.path.is_dir():
            yield None
            return
        with zipfile.ZipFile(self.path) as archive:
            yield archive


def find_pictures(path: Path) -> Pictures:
    """The pictures in a folder or `.zip` file.

    Raises:
        DataError: there are none, some lie beside the class folders, or in folders of different depth.
    """
    members = sorted(_members(path))
    if not members:
        raise DataError(f"{path} holds no pictures ({', '.join(SUFFIXES)}); {_EXPECTED}")
    folders = {member.parent for member in members}
    above = {(len(folder.parts), folder.parent) for folder in folders}
    if len(above) > 1:
        raise DataError(
            f"{path} holds pictures in {', '.join(str(folder) for folder in sorted(folders)[:4])}; {_EXPECTED}: give "
            "one folder that holds those of the classes and nothing else"
        )
    return Pictures(path, tuple(members))


def _members(path: Path) -> list[PurePosixPath]:
    if path.is_dir():
        found = [
            PurePosixPath(file.relative_to(path).as_posix()) for file in path.rglob("*") if file.is_file()
        ]
    else:
        try:
            with zipfile.ZipFile(path) as archive:
                found = [PurePosixPath(name) for name in archive.namelist() if not name.endswith("/")]
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} cannot be read ({error}); give a .zip file of pictures") from error
    return [member for member in found if member.suffix.lower() in SUFFIXES and not _is_hidden(member)]


def _is_hidden(member: PurePosixPath) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in member.parts)


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
    members = found.members
    if most is not None and len(members) > most:
        members = tuple(
            members[place] for place in np.linspace(0, len(members) - 1, most).round().astype(int)
        )
    images = np.empty((len(members), *taken.shape), np.uint8)
    with found.opened() as archive:
        for place, member in enumerate(members):
            file: BinaryIO | None = None if archive is None else archive.open(str(member))  # type: ignore[assignment]
            try:
                images[place] = read_image(path / member, taken, file)[0][0]
            except InputError as error:
                raise DataError(str(error)) from error
            finally:
                if file is not None:
                    file.close()
    outputs = [output for output in wanted.outputs if output.labels is not None]
    targets = {}
    if found.classes is not None and len(outputs) == 1:
        targets[outputs[0].name] = _classes(path, members, outputs[0])
    return wanted.split(path, {taken.name: images}, targets)


def _classes(path: Path, members: tuple[PurePosixPath, ...], output: OutputRecord) -> list[int]:
    labels = output.labels or ()
    numbers = {label: number for number, label in enumerate(labels)}
    unknown = sorted({member.parent.name for member in members} - set(numbers))
    if unknown:
        raise DataError(
            f"{path}: the sub-folder {unknown[0]} is none of the classes {', '.join(labels)}; name the folders as "
            "--labels does, in the order of the model's output"
        )
    return [numbers[member.parent.name] for member in members]
