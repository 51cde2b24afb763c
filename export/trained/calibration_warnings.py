"""Warns of calibration data that look wrong, in one line with numbers. The data are used all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.dataset import Split
from export.trained.first_layers import FirstLayers
from runtime.bundle.manifest import InputRecord, OutputRecord

FEWEST = 50
# How far the middle of the data may be from what the first layers were normalised for, in their standard deviations,
# and how many times as wide or narrow the data may be.
_FAR, _WIDE = 3.0, 10.0


def warning(
    calibration: Split,
    inputs: Sequence[InputRecord],
    outputs: Sequence[OutputRecord],
    first: Mapping[str, FirstLayers],
) -> str | None:
    """What looks wrong, in one line; None where nothing does.

    Args:
        calibration: raw values by name; targets where the data have them.
        inputs: what the model takes.
        outputs: what the model gives.
        first: the first layers of the inputs, by name.
    """
    found = []
    if len(calibration) < FEWEST:
        found.append(f"there are {len(calibration)} samples, and {FEWEST} are few")
    for record in inputs:
        problem = _of_input(record, calibration.inputs[record.name], first[record.name])
        if problem:
            found.append(f"{record.name} {problem}")
    for output in outputs:
        problem = _of_one_class(output, calibration.targets.get(output.name))
        if problem:
            found.append(problem)
    return f"the calibration data look wrong: {'; '.join(found)}" if found else None


def _of_input(record: InputRecord, values: NDArray[Any], first: FirstLayers) -> str | None:
    low, high = values.min(), values.max()
    if low == high:
        return f"is {low:g} everywhere"
    if len(values) > 1 and (values == values[0]).all():
        return f"is the same in all {len(values)} samples"
    if record.kind == "image" and high <= 1:
        return f"has pixels from {low} to {high}, which look scaled already; give raw pixels from 0 to {record.high:g}"
    spread = first.spread(record.shape) if record.dtype == "float" else None
    if spread is None:
        return None
    mean, deviation = spread
    scores = (values - mean) / deviation
    middle, width = float(np.median(scores)), float(scores.std())
    if abs(middle) > _FAR or not 1 / _WIDE < width < _WIDE:
        expected = float((mean - deviation).min()), float((mean + deviation).max())
        return (
            f"goes from {low:g} to {high:g}, and the model was trained on about {expected[0]:g} to {expected[1]:g}: in "
            f"its standard deviations the middle is at {middle:.3g} and the spread is {width:.3g}"
        )
    return None


def _of_one_class(output: OutputRecord, targets: NDArray[Any] | None) -> str | None:
    if targets is None or output.labels is None or output.task not in ("classification", "binary"):
        return None
    classes = np.unique(targets)
    if len(classes) != 1:
        return None
    return f"all {len(targets)} samples are of the class {output.labels[int(classes[0])]}"
