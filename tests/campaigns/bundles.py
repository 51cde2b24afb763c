"""What the campaigns share: the bundles below a folder, a bundle in memory whose files are changed, judging rows."""

import argparse
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np

from runtime.bundle.manifest import FileRecord, Variant
from runtime.bundle.reader import Bundle, open_bundle
from runtime.errors import DataError, UsageError

JUDGING_ROWS = 500


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """The arguments of every campaign."""
    made = argparse.ArgumentParser(prog=f"python -m tests.campaigns.{name}", description=description)
    made.add_argument("artifacts", type=Path, help="the folder below which the bundles are")
    made.add_argument("--models", help="comma-separated; default: all")
    return made


def bundles(artifacts: Path, models: str | None = None) -> list[Path]:
    """The bundles below a folder."""
    found = sorted(artifacts.glob("*/bundle"))
    found = [path for path in found if models is None or path.parent.name in models.split(",")]
    if not found:
        raise UsageError(f"no bundles in {artifacts}; make them: python -m export all --out {artifacts}")
    return found


def open_all(artifacts: Path, models: str | None) -> list[Bundle]:
    """The same, opened."""
    return [open_bundle(path) for path in bundles(artifacts, models)]


def pairs(bundle: Bundle) -> Iterator[tuple[Variant, str]]:
    """Every variant with each of its engines."""
    for variant in bundle.manifest.variants.values():
        if variant.format != "saved_model":
            yield from ((variant, engine) for engine in variant.engines)


def changed(bundle: Bundle, contents: Mapping[str, bytes], **manifest: object) -> Bundle:
    """A bundle in memory with other files, their digests in its manifest: no check of digests can refuse it."""
    records = {
        name: FileRecord(sha256(content).hexdigest(), len(content)) for name, content in contents.items()
    }
    other = bundle.manifest._replace(files=dict(bundle.manifest.files) | records, **manifest)

    def read_member(name: str, limit: int) -> bytes:
        return contents[name] if name in contents else bundle.read_member(name, limit)

    return bundle._replace(manifest=other, read_member=read_member)


def judging_rows(bundle: Bundle) -> dict[str, np.ndarray] | None:
    """Raw rows by input of the model's own test split, which the golden inputs hold none of.

    None where the dataset is not here, or the model is a user's own.
    """
    import data
    from data.original import read_original

    folder = bundle.path.parent
    if not (folder / "training.json").exists():  # exported to another folder
        folder = Path("artifacts") / bundle.manifest.model
    original = read_original(folder)
    kept, dataset = original.test_data(), original.record.dataset
    if kept is not None:
        rows = kept.inputs
    elif dataset is None:
        return None
    else:
        try:
            rows = data.load(dataset.name).test.inputs
        except DataError:
            return None
    count = len(next(iter(rows.values())))
    chosen = np.linspace(0, count - 1, min(count, JUDGING_ROWS)).astype(int)
    return {name: values[chosen] for name, values in rows.items()}
