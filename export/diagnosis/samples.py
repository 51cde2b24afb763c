"""The inputs that a diagnosis runs a model on: some to tell tensors apart, others that look like the data."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from data.dataset import Arrays
from data.original import Original
from export.quantization.ranges import chosen
from export.trained.samples import load_calibration
from runtime.bundle.manifest import InputRecord
from runtime.errors import DataError
from runtime.selftest.probes import probe_inputs

_WIDE = (
    8  # how many times as far from the middle a column is moved, so that what limits values does something
)
# All inner tensors of all samples are in memory at once.
_MOST_ROWS, _LEAST_ROWS, _ELEMENTS = 256, 16, 1 << 18


def distinguishing(original: Original) -> Arrays:
    """The golden inputs, probes made of them, and those again with numbers far out: raw, [n, …] by input name."""
    golden, _ = original.golden()
    records = {taken.name: taken for taken in original.record.inputs}
    probes = probe_inputs(golden, records)
    parts = [golden, probes]
    if any(_has_no_limits(record) for record in records.values()):
        parts.append({name: _wide(rows, records[name]) for name, rows in probes.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in golden}


def _has_no_limits(record: InputRecord) -> bool:
    return record.kind != "image" and record.dtype == "float"


def _wide(rows: np.ndarray, record: InputRecord) -> np.ndarray:
    if not _has_no_limits(record):
        return rows
    middle = np.median(rows, axis=0)
    wide: np.ndarray = middle + (rows - middle) * _WIDE
    return wide.astype(rows.dtype)


def typical(original: Original, data_dir: str | None) -> tuple[Arrays, str]:
    """Golden inputs and as many calibration inputs as fit: raw, [n, …] by input name, and a line on what they are."""
    golden, _ = original.golden()
    names = [taken.name for taken in original.record.inputs]
    wanted = _rows(original.record.inputs)
    own = len(golden[names[0]])
    try:
        every = load_calibration(original, data_dir)
    except DataError:
        return {
            name: golden[name] for name in names
        }, f"{own} golden inputs (the calibration data are not here)"
    indices = chosen(len(every[names[0]]), max(0, wanted - own))
    joined = {name: np.concatenate([golden[name], every[name][indices]]) for name in names}
    return joined, f"{own} golden and {len(indices)} calibration inputs"


def _rows(inputs: Sequence[InputRecord]) -> int:
    largest = max(math.prod(taken.shape) for taken in inputs)
    return max(_LEAST_ROWS, min(_MOST_ROWS, _ELEMENTS // largest))
