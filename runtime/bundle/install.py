"""Puts a bundle into its place on a device, whole or not at all: as a folder, or as one .zip."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from runtime.atomic import alone_in, replace_folder, sync_folder, write_through
from runtime.bundle.archive import write_stored
from runtime.bundle.manifest import MANIFEST_NAME, SIGNATURE_NAME
from runtime.bundle.reader import Bundle, open_bundle
from runtime.errors import BundleError, UsageError


def install(source: Bundle, target: Path, refuse_rollback: bool = False) -> None:
    """Copies a bundle to a place, and replaces the bundle that is there.

    Every file is compared with the manifest on its way. At every moment the old or the new bundle is at `target`, also
    when the process is killed or the disk is full. What a killed install leaves beside it, the next one removes.

    Args:
        source: an open bundle.
        target: where to put it: a .zip where the name ends so, else a folder.
        refuse_rollback: whether to refuse a bundle that is older than the one at `target`.

    Raises:
        BundleError: a file of the source is missing or damaged, or the bundle would be older than the one at
            `target` and `refuse_rollback` is set.
        UsageError: at `target` stands something that is no bundle, or another install is at work there.
        OSError: the disk is full or cannot be written.
    """
    _check_place(source, target)
    if refuse_rollback:
        check_no_rollback(source, target)
    put(contents(source), target)


def put(files: Iterator[tuple[str, bytes]], target: Path) -> None:
    """Writes (name, content) pairs to a zip or folder that appears at `target` whole or not at all.

    Raises:
        UsageError: another install is at work there.
        OSError: the disk is full or cannot be written.
    """
    with alone_in(target.parent) as alone:
        if not alone:
            raise UsageError(f"another install is at work in {target.parent}; try again when it is done")
        prefix = f".{target.name}.new-"
        for left in target.parent.glob(f"{prefix}*"):  # an install that was killed has left it
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=prefix, ignore_cleanup_errors=True
        ) as name:
            if target.suffix == ".zip":
                packed = Path(name) / target.name
                write_through(packed, lambda file: write_stored(files, file))
                packed.replace(target)
                sync_folder(target.parent)
            else:
                folder = Path(name) / target.name
                folder.mkdir(0o755)
                for path, content in files:
                    place = folder / path
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(content)
                replace_folder(folder, target)


def contents(bundle: Bundle) -> Iterator[tuple[str, bytes]]:
    """Yields name and bytes of the manifest, of its signature where there is one, and of every file that it names.

    Raises:
        BundleError: a file is missing, or its bytes are not those that the manifest names.
    """
    yield MANIFEST_NAME, bundle.read_manifest()
    signature = bundle.read_signature()
    if signature is not None:
        yield SIGNATURE_NAME, signature
    for name in sorted(bundle.manifest.files):
        yield name, bundle.read(name)


def check_no_rollback(source: Bundle, target: Path) -> None:
    """Checks that `source` has no lower version than the bundle at `target`, if there is one.

    Raises:
        BundleError: it has, or the bundle at `target` cannot be read.
    """
    if target.exists():
        before, now = open_bundle(target).manifest.bundle_version, source.manifest.bundle_version
        if now < before:
            raise BundleError(
                f"{source.path}: has the bundle version {now}, and {target} already has {before}; this would go back"
            )


def _check_place(source: Bundle, target: Path) -> None:
    if not target.parent.is_dir():
        raise UsageError(f"the folder {target.parent} does not exist; make it first")
    if target.is_symlink():
        raise UsageError(f"{target} is a symbolic link; give the place it leads to")
    if target.exists() and target.resolve() == source.path.resolve():
        raise UsageError(f"{target} is the bundle itself; give another place")
    if target.is_dir():
        if target.suffix == ".zip" or (any(target.iterdir()) and not (target / MANIFEST_NAME).exists()):
            raise UsageError(f"{target} is a folder that is no bundle; move it away, or give another place")
    elif target.exists() and target.suffix != ".zip":
        raise UsageError(f"{target} is a file; give a folder, or a name that ends in .zip")
