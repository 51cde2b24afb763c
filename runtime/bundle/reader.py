"""Reads a bundle, a folder or one .zip: its manifest, and its files only as bytes whose SHA-256 the manifest names."""

import errno
import os
import stat
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

from runtime.bundle.archive import Archive
from runtime.bundle.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, SIGNATURE_NAME, Manifest
from runtime.bundle.manifest_json import from_json
from runtime.errors import BundleError
from runtime.namedtuples import FastNamedTuple

SIGNATURE_BYTES = 64
_MAX_FILES = 10_002
_REPLACE = "copy or export the bundle again"


class Bundle(FastNamedTuple):
    """An open bundle. `digest` is the SHA-256 of its manifest: it stands for every byte of the bundle."""

    path: Path
    manifest: Manifest
    digest: str
    read_member: Callable[[str, int], bytes]  # (name, limit) -> at most limit + 1 bytes, unchecked

    def read(self, name: str) -> bytes:
        """The bytes of one file, read once; BundleError where they are not those the manifest names."""
        record = self.manifest.files.get(name)
        if record is None:
            raise BundleError(f"{self.path}: the manifest names no file {name!r}")
        where = f"{self.path / name}"
        content = self.read_member(name, record.size_bytes)
        if len(content) != record.size_bytes:
            size = f"more than {record.size_bytes}" if len(content) > record.size_bytes else str(len(content))
            raise BundleError(f"{where}: has {size} bytes, the manifest says {record.size_bytes}; {_REPLACE}")
        if sha256(content).hexdigest() != record.sha256:
            raise BundleError(f"{where}: damaged, its SHA-256 is not the manifest's; {_REPLACE}")
        return content

    def read_manifest(self) -> bytes:
        """The bytes of manifest.json, those that `manifest` was read from."""
        content = self.read_member(MANIFEST_NAME, MAX_MANIFEST_BYTES)
        if sha256(content).hexdigest() != self.digest:
            raise BundleError(f"{self.path / MANIFEST_NAME}: has changed since it was opened; try again")
        return content

    def read_signature(self) -> bytes | None:
        """The bytes of the manifest's signature, unchecked; None where the bundle is not signed."""
        try:
            return self.read_member(SIGNATURE_NAME, SIGNATURE_BYTES)
        except _Missing:
            return None


class _Missing(BundleError):
    """A file of the bundle is not there."""


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Opens a bundle and reads its manifest; BundleError where it is missing, damaged or unknown."""
    where = Path(path)
    archive = None
    read_member: Callable[[str, int], bytes]
    if where.is_dir():
        read_member = partial(_read_inside, where)
    elif where.is_file():
        archive = Archive(
            partial(_read_at, where), where.stat().st_size, str(where), _MAX_FILES, deflated=False
        )
        read_member = partial(_read_zipped, where, archive)
    else:
        problem = "is neither a file nor a folder" if where.exists() else "does not exist"
        raise BundleError(f"{where}: {problem}; a bundle is made by `python -m export`")
    content = read_member(MANIFEST_NAME, MAX_MANIFEST_BYTES)
    manifest = from_json(content, str(where / MANIFEST_NAME))
    if archive is not None:
        _check_members(where, list(archive.members), manifest)
    return Bundle(where, manifest, sha256(content).hexdigest(), read_member)


def _check_members(where: Path, names: list[str], manifest: Manifest) -> None:
    # In a folder other files may lie about; in an archive that somebody packed they are no accident.
    known = [MANIFEST_NAME, SIGNATURE_NAME, *sorted(manifest.files)]
    strange = set(names) - set(known)
    if strange:
        raise BundleError(
            f"{where}: holds {min(strange)[:80]!r}, which its manifest does not name; {_REPLACE}"
        )
    there = set(names)
    if names != [name for name in known if name in there]:
        raise BundleError(
            f"{where}: its files are not in the order in which `python -m runtime pack` writes them"
        )


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """The manifest of the bundle at `path`, checked against docs/bundle.md; BundleError where it does not fit."""
    return open_bundle(path).manifest


def _read_zipped(path: Path, archive: Archive, name: str, limit: int) -> bytes:
    """A member of an archive that is at most limit + 1 bytes long."""
    member = archive.members.get(name)
    if member is None:
        raise _Missing(f"{path / name}: missing; {_REPLACE}")
    if member.size_bytes > limit + 1:
        raise BundleError(f"{path / name}: has {member.size_bytes} bytes, allowed are {limit}; {_REPLACE}")
    return archive.read(name)


def _read_at(path: Path, offset: int, count: int) -> bytes:
    """Up to `count` bytes of a file. It is opened anew each time: what changes meanwhile fails its SHA-256."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            # As read(), which takes memory for all that is asked for, there or not.
            return file.read(max(0, min(count, os.fstat(file.fileno()).st_size - offset)))
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from None


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
        raise _Missing(f"{where}: missing; {_REPLACE}") from None
    except OSError as error:
        link = error.errno in (errno.ELOOP, errno.ENOTDIR)
        problem = (
            "a symbolic link, which a bundle must not hold" if link else f"cannot be read: {error.strerror}"
        )
        raise BundleError(f"{where}: {problem}") from None
    finally:
        for handle in opened:
            os.close(handle)
