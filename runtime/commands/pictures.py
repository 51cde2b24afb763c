"""Folders and `.zip` files of pictures: those of each class in a sub-folder of its name, or pictures alone."""

import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from runtime.bundle.manifest import InputRecord
from runtime.commands.images import SUFFIXES, read_image
from runtime.errors import InputError

_EXPECTED = "expected a sub-folder of pictures for each class, or pictures alone"
_MOST_NOTES = 3


class Pictures(NamedTuple):
    """The pictures of a folder or `.zip` file.

    Attributes:
        path: the folder or file.
        members: their paths inside of it, in alphabetical order.
    """

    path: Path
    members: tuple[PurePosixPath, ...]

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the sub-folders in alphabetical order; None for pictures without any."""
        folders = {member.parent for member in self.members}
        in_folders = len(folders) > 1 or len(self.members[0].parts) > 1
        return tuple(sorted({folder.name for folder in folders})) if in_folders else None

    @contextmanager
    def opened(self) -> Iterator[zipfile.ZipFile | None]:
        """The `.zip` file open for reading; None for a folder."""
        if self.path.is_dir():
            yield None
            return
        with zipfile.ZipFile(self.path) as archive:
            yield archive


def is_pictures(path: Path) -> bool:
    """Whether a path is that of a folder, or has the name of a `.zip` file."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def find_pictures(path: Path) -> Pictures:
    """The pictures in a folder or `.zip` file; hidden files and other kinds of files are left out.

    Raises:
        InputError: there are none, some lie beside the folders of classes, or the folders are of different depth.
    """
    members = sorted(_members(path))
    if not members:
        raise InputError(f"{path} holds no pictures ({', '.join(SUFFIXES)}); {_EXPECTED}")
    folders = {member.parent for member in members}
    if len({(len(folder.parts), folder.parent) for folder in folders}) > 1:
        raise InputError(
            f"{path} holds pictures in {', '.join(str(folder) for folder in sorted(folders)[:4])}; {_EXPECTED}: give "
            "one folder that holds those of the classes and nothing else"
        )
    return Pictures(path, tuple(members))


def read_pictures(found: Pictures, record: InputRecord) -> tuple[np.ndarray, list[str]]:
    """The pictures in the size that an input takes: uint8 [n, height, width, channels]; and what was converted.

    Raises:
        InputError: a picture is damaged; it is named.
    """
    pixels = np.empty((len(found.members), *record.shape), np.uint8)
    notes: Counter[str] = Counter()
    with found.opened() as archive:
        for place, member in enumerate(found.members):
            image, said = _read(found.path, member, archive, record)
            pixels[place] = image[0]
            notes.update(said)
    shown = [f"{note} ({count} of {len(pixels)} pictures)" for note, count in notes.most_common(_MOST_NOTES)]
    others = len(notes) - len(shown)
    return pixels, [*shown, *([f"{others} more kinds of conversions"] if others else [])]


def _read(
    path: Path, member: PurePosixPath, archive: zipfile.ZipFile | None, record: InputRecord
) -> tuple[np.ndarray, list[str]]:
    if archive is None:
        return read_image(path / member, record)
    try:
        file = archive.open(str(member))
    # NotImplementedError: an unknown compression; RuntimeError: encrypted
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path / member} cannot be read ({error}); make the .zip file again") from None
    with file:
        return read_image(path / member, record, file)  # type: ignore[arg-type]


def _members(path: Path) -> list[PurePosixPath]:
    if path.is_dir():
        found = [
            PurePosixPath(file.relative_to(path).as_posix()) for file in path.rglob("*") if file.is_file()
        ]
    else:
        try:
            with zipfile.ZipFile(path) as archive:
                found = [PurePosixPath(name) for name in archive.namelist() if not name.endswith("/")]
        except FileNotFoundError:
            raise InputError(f"{path}: does not exist") from None
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} cannot be read ({error}); give a .zip file of pictures") from None
    return [member for member in found if member.suffix.lower() in SUFFIXES and not _is_hidden(member)]


def _is_hidden(member: PurePosixPath) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in member.parts)
