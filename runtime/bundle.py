"""Reads a bundle: its manifest, and its files only as bytes whose SHA-256 the manifest names."""

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from runtime.errors import BundleError
from runtime.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, Manifest
from runtime.manifest_json import from_json


class Bundle(NamedTuple):
    """An open bundle. `digest` is the SHA-256 of its manifest: it stands for every byte of the bundle."""

    path: Path
    manifest: Manifest
    digest: str

    def read(self, name: str) -> bytes:
        """The bytes of one file, read once; BundleError where they are not those the manifest names."""
        record = self.manifest.files.get(name)
        if record is None:
            raise BundleError(f"{self.path}: the manifest names no file {name!r}")
        where = f"{self.path / name}"
        content = _read_inside(self.path, name, record.size_bytes)
        if len(content) != record.size_bytes:
            size = f"more than {record.size_bytes}" if len(content) > record.size_bytes else str(len(content))
            raise BundleError(f"{where}: has {size} bytes, the manifest says {record.size_bytes}; {_REPLACE}")
        if sha256(content).hexdigest() != record.sha256:
            raise BundleError(f"{where}: damaged, its SHA-256 is not the manifest's; {_REPLACE}")
        return content


_REPLACE = "copy or export the bundle again"


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Opens a bundle folder and reads its manifest; BundleError where it is missing, damaged or unknown."""
    folder = Path(path)
    if not folder.is_dir():
        problem = "is a file, a bundle is a folder" if folder.exists() else "does not exist"
        raise BundleError(f"{folder}: {problem}; a bundle is made by `python -m export`")
    content = _read_inside(folder, MANIFEST_NAME, MAX_MANIFEST_BYTES)
    return Bundle(folder, from_json(content, str(folder / MANIFEST_NAME)), sha256(content).hexdigest())


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """The manifest of the bundle at `path`, checked against docs/bundle.md; BundleError where it does not fit."""
    return open_bundle(path).manifest


def _read_inside(folder: Path, name: str, limit: int) -> bytes:
    """At most limit + 1 bytes of a regular file inside `folder`, following no symbolic link below it."""
    where = folder / name
    opened: list[int] = []
    try:
        # Step by step from an open folder: no link swapped in between check and use leads out of the bundle.
        opened.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))
        *parents, last = name.split("/")
        for parent in parents:
            opened.append(os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened[-1]))
        # O_NONBLOCK: opening a named pipe would wait for a writer for ever.
        opened.append(os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=opened[-1]))
        found = os.fstat(opened[-1])
        if not stat.S_ISREG(found.st_mode):
            raise BundleError(f"{where}: not a regular file; a bundle holds nothing else")
        with open(opened[-1], "rb", closefd=False) as file:
            # The file's own size too: read() takes memory for all that is asked for, there or not.
            return file.read(min(limit, found.st_size) + 1)
    except FileNotFoundError:
        raise BundleError(f"{where}: missing; {_REPLACE}") from None
    except OSError as error:
        link = error.errno in (errno.ELOOP, errno.ENOTDIR)
        problem = (
            "a symbolic link, which a bundle must not hold" if link else f"cannot be read: {error.strerror}"
        )
        raise BundleError(f"{where}: {problem}") from None
    finally:
        for handle in opened:
            os.close(handle)
