"""The original: the folder of a trained model, with its record and its arrays; their one reader and one writer."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.arrays import npz, read_npz
from data.dataset import Split
from data.trained_model import (
    GOLDEN,
    MODEL,
    RECORD,
    REFERENCE,
    SAMPLES,
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
    """A trained Keras model on the device that trained it: its folder, and what its training.json says."""

    folder: Path
    record: TrainedModel

    @property
    def name(self) -> str:
        """The model's name, which is that of its folder."""
        return self.folder.name

    @property
    def model(self) -> Path:
        """The `.keras` file."""
        return self.folder / MODEL

    def golden(self) -> tuple[NDArray[Any], NDArray[np.float32]]:
        """The golden inputs, raw [n, …], and the original's outputs for them, float32 [n, k]."""
        arrays = self._arrays(GOLDEN, "inputs", "outputs")
        return arrays["inputs"], arrays["outputs"]

    def reference(self) -> NDArray[np.float32] | None:
        """The original's outputs on the test data, float32 [n, k]; None for a model without labelled samples."""
        return self._arrays(REFERENCE, "outputs")["outputs"] if REFERENCE in self.record.sha256 else None

    def calibration(self) -> NDArray[Any] | None:
        """The calibration inputs kept beside a model that has no dataset, raw [n, …]; None where there are none."""
        return self._arrays(SAMPLES, "calibration")["calibration"] if self._has_samples else None

    def test_data(self) -> Split | None:
        """The labelled samples kept beside a model that has no dataset; None where there are none."""
        if not self._has_samples or REFERENCE not in self.record.sha256:
            return None
        arrays = self._arrays(SAMPLES, "inputs", "targets")
        return Split(arrays["inputs"], arrays["targets"])

    @property
    def _has_samples(self) -> bool:
        return SAMPLES in self.record.sha256

    def _arrays(self, name: str, *arrays: str) -> dict[str, NDArray[Any]]:
        return read_npz(self.folder / name, arrays, ModelError, REMEDY)


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
    model: bytes,
    golden: tuple[NDArray[Any], NDArray[np.float32]],
    reference: NDArray[np.float32] | None = None,
    calibration: NDArray[Any] | None = None,
    test_data: Split | None = None,
    pictures: Mapping[str, bytes] | None = None,
) -> Original:
    """Write a trained model's folder: every file appears whole or not at all, the record last.

    Args:
        folder: where the files go; it is made if it is not there.
        record: what training.json says; its `sha256` is filled in here.
        model: the bytes of the `.keras` file.
        golden: golden inputs, raw [n, …], and the model's outputs for them, float32 [n, k].
        reference: the model's outputs on the test data, float32 [n, k].
        calibration: for a model without a dataset: raw calibration inputs [n, …].
        test_data: for a model without a dataset: its labelled samples.
        pictures: other files by name, for people to look at; the record does not name them.

    Returns:
        The folder's content as a later reader sees it.

    Raises:
        ModelError: the reader would refuse the record; nothing was written.
        EdgeProofError: the folder cannot be written; the old record is as it was.
    """
    samples = {} if calibration is None else {"calibration": calibration}
    if test_data is not None:
        samples |= {"inputs": test_data.inputs, "targets": test_data.targets}
    files = {
        MODEL: model,
        REFERENCE: None if reference is None else npz(outputs=reference),
        GOLDEN: npz(inputs=golden[0], outputs=golden[1]),
        SAMPLES: npz(**samples) if samples else None,
    }
    contents = {name: content for name, content in files.items() if content is not None}
    digests = {name: sha256(content).hexdigest() for name, content in contents.items()}
    text = to_json(replace(record, sha256=digests))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in (contents | dict(pictures or {}) | {RECORD: text.encode()}).items():
            write_file(folder / name, content)
    except OSError as error:
        raise EdgeProofError(
            f"cannot write {folder}: {error.strerror}; give a folder that can be written with --out"
        ) from error
    return Original(folder, from_json(text, str(folder / RECORD)))


def keras_bytes(model: Any) -> bytes:
    """The bytes of a Keras model's `.keras` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / MODEL
        model.save(path)
        return path.read_bytes()
