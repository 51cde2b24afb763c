"""Calibration: activation ranges for the static schemes, recorded beside the model for a later run without data."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from data.dataset import Arrays
from data.original import Original
from data.trained_model import GOLDEN, SAMPLES, TrainedModel
from export.formats.format import FormatName, Ranges
from export.formats.table import FORMATS
from export.quantization.names import OF_WEIGHTS
from export.trained.samples import load_calibration
from runtime.atomic import write_file
from runtime.bundle.manifest import InputRecord
from runtime.errors import DataError, ModelError

FILE = "calibration.json"
# Rows of a table are cheap and their columns have long tails: 256 rows left errors of 1.9 where 8,192 left 0.7.
MOST_SAMPLES = {"image": 512, "table": 8192, "sequence": 512, "text": 512, "tensor": 512}
LEAST_SAMPLES = 64
MOST_ELEMENTS = 1 << 27  # of one input in all samples: half a gigabyte
SEED = 7


def ranges(
    original: Original,
    format_: FormatName,
    float32: Path,
    data_dir: str | None,
    repairs: tuple[tuple[str, ...], tuple[str, ...]] = (OF_WEIGHTS, ()),
) -> dict[str, Any]:
    """The activation ranges of one float32 file, as an entry of calibration.json.

    The ranges recorded earlier are taken if they belong to this model and its golden inputs, were found with as many
    samples, and name every activation of this file (another version of a converter may use other names). Otherwise
    the ranges are measured now, on samples of the training split. `repairs` are those that
    were allowed, and what was said of those made.

    Raises:
        DataError: they have to be measured and the dataset is not there.
    """
    calibration = FORMATS[format_].calibration
    assert calibration is not None, f"{format_} has no static scheme"
    recorded = read(original.folder).get(format_)
    wanted = samples_wanted(original.record.inputs)
    made_from = _made_from(original.record) | _repaired(*repairs)
    if (
        recorded
        and (recorded["sha256"], recorded.get("samples")) == (made_from, wanted)
        and calibration.activations(float32) <= set(recorded["ranges"])
    ):
        return dict(recorded)
    try:
        samples = load_calibration(original, data_dir)
    except DataError as error:
        why = "those recorded are of another graph or other samples" if recorded else "none were recorded"
        raise DataError(f"activation ranges: {why}, and they cannot be measured: {error}") from error
    found = calibration.record_ranges(float32, _chosen_samples(original, samples, wanted))
    return {"sha256": made_from, "samples": wanted, "ranges": found}


def samples_wanted(inputs: Iterable[InputRecord], more: int = 0) -> int:
    """How many samples ranges are found with: those of the input that takes fewest; fewer of large ones.

    With `more`, as many beside these.
    """
    return min(
        min(MOST_SAMPLES[taken.kind] + more, max(LEAST_SAMPLES, MOST_ELEMENTS // math.prod(taken.shape)))
        for taken in inputs
    )


def _made_from(record: TrainedModel) -> dict[str, str]:
    """The SHA-256 of the files that ranges depend on: the model's own, the golden samples, and the user's samples."""
    source = record.source.file
    return {
        name: digest
        for name, digest in record.sha256.items()
        if name in (source, GOLDEN, SAMPLES) or name.startswith(f"{source}/")
    }


def _repaired(allowed: tuple[str, ...], made: tuple[str, ...]) -> dict[str, str]:
    """What ranges depend on beside the model's files: repairs of its weights that are not those of every model."""
    said = " ".join(made)
    allowed = tuple(name for name in OF_WEIGHTS if name in allowed)
    if allowed != OF_WEIGHTS:
        said = f"{','.join(allowed) or 'none'} {said}"
    return {"repairs": said} if said else {}


def _chosen_samples(original: Original, samples: Arrays, wanted: int) -> Arrays:
    """Some of the samples and the golden inputs, which a device is asked about, in the dtypes of a file's tensors."""
    indices = chosen(len(next(iter(samples.values()))), wanted)
    golden, _ = original.golden()
    return {
        taken.name: np.concatenate([samples[taken.name][indices], golden[taken.name]]).astype(
            taken.tensor.dtype, copy=False
        )
        for taken in original.record.inputs
    }


def chosen(count: int, wanted: int) -> np.ndarray:
    """Indices of `wanted` calibration samples among `count` training samples: int64, seeded, sorted, no repeats."""
    generator = np.random.default_rng(SEED)
    return np.sort(generator.choice(count, size=min(wanted, count), replace=False))


def as_ranges(entry: dict[str, Any]) -> Ranges:
    """The ranges in an entry of calibration.json."""
    return {name: (float(low), float(high)) for name, (low, high) in entry["ranges"].items()}


def read(folder: Path) -> dict[str, Any]:
    """What calibration.json holds, by format; empty where there is none.

    Raises:
        ModelError: the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_bytes())
        for entry in entries.values():
            as_ranges(entry)
        return dict(entries)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path} is damaged ({error}); delete it and export with the dataset at hand"
        ) from error


def write(folder: Path, entries: dict[str, Any]) -> None:
    """Writes calibration.json, if it says anything new."""
    text = json.dumps(entries, sort_keys=True) + "\n"
    path = folder / FILE
    if not path.exists() or path.read_text() != text:
        write_file(path, text.encode())
