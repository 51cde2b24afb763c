"""Where the files of a model come from: digests, versions, and the commands that make and check them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.bundle.manifest import FileRecord, Manifest
from runtime.bundle.reader import open_bundle
from runtime.errors import EdgeProofError


@dataclass(frozen=True)
class Origin:
    """What the bundle of a model says of itself.

    Attributes:
        manifest: the bundle's.
        digest: the SHA-256 of its manifest, 64 hex digits.
        files: its files by name; those inside a SavedModel are left out.
        folder: where it lies, as a user types it.
    """

    manifest: Manifest
    digest: str
    files: dict[str, FileRecord]
    folder: Path

    @property
    def versions(self) -> str:
        """The packages that made it, with their versions."""
        return ", ".join(f"{name} {version}" for name, version in self.manifest.producer.items())

    @property
    def notes(self) -> Sequence[str]:
        """What was decided while the variants were built, with the variants that each sentence is about."""
        found: dict[str, list[str]] = {}
        for name, variant in self.manifest.variants.items():
            for note in variant.notes:
                found.setdefault(note, []).append(name)
        return [f"{', '.join(names)}: {note}" for note, names in found.items()]


def origin(artifacts: Path | None, model: str) -> Origin | None:
    """What the bundle in `artifacts`/<model> says; None where there is none that can be read."""
    if artifacts is None:
        return None
    folder = artifacts / model / "bundle"
    try:
        bundle = open_bundle(folder)
    except (EdgeProofError, OSError):
        return None
    files = {
        name: record for name, record in bundle.manifest.files.items() if not name.startswith("saved_model/")
    }
    return Origin(bundle.manifest, bundle.digest, files, folder)
