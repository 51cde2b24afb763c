"""The original: the folder of a trained model, with its record and its arrays; their one reader and one writer."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from data.arrays import grouped, npz, read_npz
from data.dataset import Arrays, Split
from data.trained_model import (
    GOLDEN,
    MODEL,
    MODEL_H5,
    RECORD,
    REFERENCE,
    SAMPLES,
    SAVED_MODEL,
    VOCABULARY,
    TrainedModel,
    from_json,
    to_json,
)
from runtime.atomic import write_file
from runtime.errors import EdgeProofError, ModelError

REMEDY = (
    "restore it, or make it again: python -m train MODEL, or python -m export PATH for a model of your own"
)


@dataclass(frozen=True)
class Original:
    """A trained model on the device that trained it: its folder, and what its training.json says."""

    folder: Path
    record: TrainedModel

    @property
    def name(self) -> str:
        """The model's name, which is that of its folder."""
        return self.folder.name

    @property
    def model(self) -> Path:
        """The Keras file, or the folder of a SavedModel."""
        return self.folder / self.record.source.file

    def golden(self) -> tuple[Arrays, Arrays]:
        """The golden inputs, raw, and the original's outputs for them: [n, …shape] each, by name."""
        return (
            self._arrays(GOLDEN, "inputs", (taken.name for taken in self.record.inputs)),
            self._arrays(GOLDEN, "outputs", (given.name for given in self.record.outputs)),
        )

    def reference(self) -> Arrays | None:
        """The original's outputs on the test data, [n, …shape] by name; None for a model without test data."""
        if REFERENCE not in self.record.sha256:
            return None
        return self._arrays(REFERENCE, "outputs", (given.name for given in self.record.outputs))

    def calibration(self) -> Arrays | None:
        """The calibration inputs kept beside a model that has no dataset, raw by name; None where there are none."""
        return self._samples("calibration") or None

    def test_data(self) -> Split | None:
        """The test data kept beside a model that has no dataset; None where there are none."""
        inputs = self._samples("inputs")
        return Split(inputs, self._samples("targets")) if inputs else None

    def _samples(self, group: str) -> Arrays:
        if SAMPLES not in self.record.sha256:
            return {}
        return read_npz(self.folder / SAMPLES, ModelError, REMEDY, group)

    def _arrays(self, file: str, group: str, names: Iterable[str]) -> Arrays:
        """The arrays of these names in their order."""
        found = read_npz(self.folder / file, ModelError, REMEDY, group)
        missing = [name for name in names if name not in found]
        if missing:
            raise ModelError(f"{self.folder / file} holds no array {group}/{missing[0]}; {REMEDY}")
        return found


def read_original(folder: Path) -> Original:
    """The trained model in a folder, each file compared with the SHA-256 that the record gives.

    Raises:
        ModelError: a file is missing or is not the recorded one, or the record is damaged.
    """
    record = read_record(folder)
    for name, digest in record.sha256.items():
        file = folder / name
        if not file.is_file():
            raise ModelError(f"{file} is missing; {REMEDY}")
        if sha256(file.read_bytes()).hexdigest() != digest:
            raise ModelError(
                f"{file} is not the file that {RECORD} was recorded with (SHA-256 differs); {REMEDY}"
            )
    return Original(folder, record)


def read_record(folder: Path) -> TrainedModel:
    """The record in a folder's training.json; the other files are not looked at.

    Raises:
        ModelError: it is missing or damaged.
    """
    path = folder / RECORD
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); {REMEDY}") from error
    try:
        return from_json(content, f"{path} is not a training record")
    except ModelError as error:
        raise ModelError(f"{error}; {REMEDY}") from error


def write_original(
    folder: Path,
    record: TrainedModel,
    files: Mapping[str, bytes],
    golden: tuple[Arrays, Arrays],
    reference: Arrays | None = None,
    calibration: Arrays | None = None,
    test_data: Split | None = None,
    pictures: Mapping[str, bytes] | None = None,
) -> Original:
    """Writes a trained model's folder: every file appears whole or not at all, the record last.

    What an earlier model left in the folder and the new record does not name is removed.

    Args:
        folder: where the files go; it is made if it is not there.
        record: what training.json says; its `sha256` is filled in here.
        files: the model's own files by name: `source.file`, or those of the folder of a SavedModel, and a vocabulary.
        golden: golden inputs, raw, and the model's outputs for them, [n, …shape] by name.
        reference: the model's outputs on the test data, by name.
        calibration: for a model without a dataset: raw calibration inputs, by name.
        test_data: for a model without a dataset: its labelled samples.
        pictures: other files by name, for people to look at; the record does not name them.

    Returns:
        The folder's content as a later reader sees it.

    Raises:
        ModelError: the reader would refuse the record; nothing was written.
        EdgeProofError: the folder cannot be written; the old record is as it was.
    """
    inputs, targets = (None, None) if test_data is None else (test_data.inputs, test_data.targets)
    arrays = {
        REFERENCE: grouped(outputs=reference),
        GOLDEN: grouped(inputs=golden[0], outputs=golden[1]),
        SAMPLES: grouped(calibration=calibration, inputs=inputs, targets=targets),
    }
    contents = dict(files) | {name: npz(**values) for name, values in arrays.items() if values}
    digests = {name: sha256(content).hexdigest() for name, content in contents.items()}
    text = to_json(replace(record, sha256=digests))
    try:
        for name, content in (contents | dict(pictures or {}) | {RECORD: text.encode()}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_file(folder / name, content)
        _remove_others(folder, set(digests))
    except OSError as error:
        raise EdgeProofError(
            f"cannot write {folder}: {error.strerror}; give a folder that can be written with --out"
        ) from error
    return Original(folder, from_json(text, str(folder / RECORD)))


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Removes the model files and samples of an earlier model that this one does not have."""
    for name in (MODEL, MODEL_H5, REFERENCE, SAMPLES, VOCABULARY):
        if name not in kept:
            (folder / name).unlink(missing_ok=True)
    for path in (folder / SAVED_MODEL).rglob("*"):
        if path.is_file() and path.relative_to(folder).as_posix() not in kept:
            path.unlink()
    if not any(name.startswith(f"{SAVED_MODEL}/") for name in kept):
        shutil.rmtree(folder / SAVED_MODEL, ignore_errors=True)


def keras_bytes(model: Any) -> bytes:
    """The bytes of a Keras model's `.keras` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        model.save(path)
        return path.read_bytes()
