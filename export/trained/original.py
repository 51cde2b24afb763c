"""The original: a trained model's folder as train (or `export.trained.register`) left it, read and checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.bundle.manifest import InputRecord
from runtime.errors import BundleError, UsageError

RECORD = "training.json"


@dataclass(frozen=True)
class Original:
    """A trained Keras model and what was recorded beside it.

    `reference` (outputs on the whole test split, float32 [n, k]) is None where none was recorded: a user's model
    without labelled samples.  `dataset` names one of the loaders in `data`, or is None.
    """

    folder: Path
    name: str
    record: dict[str, Any]

    @property
    def model(self) -> Path:
        """The `.keras` file."""
        return self.folder / "model.keras"

    @property
    def dataset(self) -> str | None:
        """The dataset its test split comes from."""
        return self.record["dataset"]["name"] if self.record.get("dataset") else None

    @property
    def samples(self) -> Path | None:
        """The user's own samples (`--samples`), kept beside the model in place of a dataset."""
        path = self.folder / "samples.npz"
        return path if path.exists() else None

    @property
    def input(self) -> dict[str, Any]:
        """What `predict` takes: name, kind, shape of one row."""
        return dict(self.record["input"])

    @property
    def input_record(self) -> InputRecord:
        """The same as it will stand in the manifest."""
        record = self.record["input"]
        columns = tuple(record["columns"]) if record.get("columns") else None
        return InputRecord(
            record["kind"], record["name"], tuple(record["shape"]), record["dtype"], record.get("low"),
            record.get("high"), columns,
        )  # fmt: skip

    @property
    def output(self) -> dict[str, Any]:
        """What the model gives: name, shape of one row."""
        return dict(self.record["output"])

    @property
    def metric_name(self) -> str:
        """accuracy or rmse."""
        return "accuracy" if self.record["task"] == "classification" else "rmse"

    @property
    def metric(self) -> float | None:
        """The original's own metric on the test split, or None where it has none."""
        return self.record["metric"]["value"] if self.record.get("metric") else None

    def golden(self) -> tuple[np.ndarray, np.ndarray]:
        """The golden inputs (raw) and the original's outputs for them."""
        arrays = load_arrays(self.folder / "golden.npz", "inputs", "outputs")
        return arrays["inputs"], arrays["outputs"]

    def reference(self) -> np.ndarray | None:
        """The original's outputs on the test split, float32 [n, k]."""
        path = self.folder / "reference.npz"
        return load_arrays(path, "outputs")["outputs"] if path.exists() else None


def load_arrays(path: Path, *names: str) -> dict[str, np.ndarray]:
    """The named arrays of an `.npz` file.

    Raises:
        BundleError: the file is missing, damaged, or lacks one of them.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except Exception as error:  # zipfile, numpy and zlib each raise their own
        raise BundleError(
            f"{path} cannot be read ({error}); expected arrays {', '.join(names)}: record it again with "
            f"python -m train {path.parent.name}"
        ) from error


def search_roots(out: Path) -> list[Path]:
    """Where trained models are looked for: the output folder, then artifacts here, then this checkout's."""
    folders = [out, Path("artifacts"), Path(__file__).parents[2] / "artifacts"]
    return list({folder.resolve(): folder for folder in folders}.values())


def find(name: str, roots: list[Path]) -> Original:
    """The trained model of that name in the first of these folders that has it.

    Raises:
        UsageError: there is none; the message lists those there are.
    """
    for root in roots:
        if (root / name / RECORD).exists():
            return read(root / name)
    known = ", ".join(names(roots)) or f"none in {', '.join(map(str, roots))}"
    raise UsageError(
        f"unknown model {name!r}; known: {known}; give one of them, the path of a .keras file, or train it: "
        f"python -m train {name}"
    )


def names(roots: list[Path]) -> list[str]:
    """The names of all trained models in these folders."""
    return sorted({path.parent.name for root in roots for path in root.glob(f"*/{RECORD}")})


def read(folder: Path) -> Original:
    """The trained model in one folder, each file checked against the hash that was recorded with it.

    Raises:
        BundleError: a file is missing or is not the one that was recorded.
    """
    path = folder / RECORD
    try:
        record = json.loads(path.read_bytes())
        recorded = {str(name): str(digest) for name, digest in record["sha256"].items()}
        missing = {"model", "task", "input", "output", "device", "parameters"} - set(record)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise BundleError(f"{path} is not a training record ({error}); train the model again") from error
    if missing:
        raise BundleError(f"{path} lacks {', '.join(sorted(missing))}; train the model again")
    for name, digest in recorded.items():
        file = folder / name
        if not file.is_file():
            raise BundleError(f"{file} is missing; restore it, or train again: python -m train {folder.name}")
        if hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise BundleError(
                f"{file} is not the file that {RECORD} was recorded with (SHA-256 differs); restore it, or train "
                f"again: python -m train {folder.name}"
            )
    return Original(folder, folder.name, record)
