"""Calibration: activation ranges for the static schemes, recorded beside the model for a later run without data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from data.original import Original
from data.trained_model import GOLDEN, MODEL
from export.formats.format import FormatName, Ranges
from export.formats.table import FORMATS
from export.trained.samples import load_calibration
from runtime.atomic import write_file
from runtime.errors import DataError, ModelError

FILE = "calibration.json"
# Rows of a table are cheap and their columns have long tails: 256 rows left errors of 1.9 where 8,192 left 0.7.
SAMPLES = {"image": 512, "table": 8192}
SEED = 7


def ranges(original: Original, format_: FormatName, float32: Path, data_dir: str | None) -> dict[str, Any]:
    """The activation ranges of one float32 file, as an entry of calibration.json.

    Those recorded earlier, if they belong to this model and its golden inputs, were found with as many samples and
    know every activation of this file (another version of a converter may name them differently); else measured
    now on samples of the training split.

    Raises:
        DataError: they have to be measured and the dataset is not there.
    """
    calibration = FORMATS[format_].calibration
    assert calibration is not None, f"{format_} has no static scheme"
    recorded = read(original.folder).get(format_)
    wanted = SAMPLES[original.record.input.kind]
    made_from = {name: original.record.sha256[name] for name in (MODEL, GOLDEN)}
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
    indices = chosen(len(samples), wanted)
    # The golden inputs too: a device is asked about them.
    inputs = np.concatenate([samples[indices], original.golden()[0]]).astype(np.float32)
    found = calibration.record_ranges(float32, inputs)
    return {"sha256": made_from, "samples": wanted, "ranges": found}


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
    """Write calibration.json, if it says anything new."""
    text = json.dumps(entries, sort_keys=True) + "\n"
    path = folder / FILE
    if not path.exists() or path.read_text() != text:
        write_file(path, text.encode())
