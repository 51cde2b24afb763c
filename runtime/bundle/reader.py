"""Reads a bundle, which is a folder or one .zip. Files are given out only as bytes whose SHA-256 the manifest names."""

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
    """An open bundle.

    Attributes:
        path: where it is.
        manifest: what its manifest says.
        digest: the SHA-256 of its manifest, 64 hex digits; the manifest names that of every file, so it stands for all.
        read_member: reads a file: (name, limit) -> at most limit + 1 bytes, which nobody has checked yet.
    """

    path: Path
    manifest: Manifest
    digest: str
    read_member: Callable[[str, int], bytes]

    def read(self, name: str) -> bytes:
        """Reads one file, once, and returns its bytes.

        Raises:
            BundleError: the file is missing, or its bytes are not those that the manifest names.
        """
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
        """Returns the bytes of manifest.json; raises BundleError where they have changed since it was opened."""
        content = self.read_member(MANIFEST_NAME, MAX_MANIFEST_BYTES)
        if sha256(content).hexdigest() != self.digest:
            raise BundleError(f"{self.path / MANIFEST_NAME}: has changed since it was opened; try again")
        return content

    def read_signature(self) -> bytes | None:
        """Returns the bytes of the manifest's signature, unchecked; None where the bundle is not signed."""
        try:
            return self.read_member(SIGNATURE_NAME, SIGNATURE_BYTES)
        except _Missing:
            return None


class _Missing(BundleError):
    """A file of the bundle is not there."""


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Opens a bundle and reads its manifest; raises BundleError where it is missing, damaged or unknown."""
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
    # A folder may hold other files by accident, an archive does not: somebody has packed them.
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
    """Returns the manifest of the bundle at `path`; raises BundleError where it is not as docs/bundle.md says."""
    return open_bundle(path).manifest


def _read_zipped(path: Path, archive: Archive, name: str, limit: int) -> bytes:
    """Reads a member of an archive, of at most limit + 1 bytes."""
    member = archive.members.get(name)
    if member is None:
        raise _Missing(f"{path / name}: missing; {_REPLACE}")
    if member.size_bytes > limit + 1:
        raise BundleError(f"{path / name}: has {member.size_bytes} bytes, allowed are {limit}; {_REPLACE}")
    return archive.read(name)


def _read_at(path: Path, offset: int, count: int) -> bytes:
    """Reads up to `count` bytes of a file. It is opened each time: content that has changed then fails its SHA-256."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            # Limited by the size of the file: read() takes memory for all that is asked for, there or not.
            return file.read(max(0, min(count, os.fstat(file.fileno()).st_size - offset)))
    except OSError as error:
        raise BundleError(f"{path}: cannot be read: {error.strerror}") from None


def _read_inside(folder: Path, name: str, limit: int) -> bytes:
    """Reads at most limit + 1 bytes of a regular file inside `folder`, and follows no symbolic link below it."""
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
            # Limited by the size of the file too: read() takes memory for all that is asked for, there or not.
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
