"""The spread of an output: tolerances are fractions of it, so that one table serves probabilities and prices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from data.original import Original
from export.targets import Target
from runtime.bundle.manifest import OutputRecord, Tolerance

PROBABILITIES = ("classification", "binary", "multilabel")
# Outputs that hardly differ are still rounded like their size: a float32 near 0.5 is known to 6e-8, and with the
# tolerance of float32, 1e-5 of this share of the size, eight such steps are allowed.
LEAST_SHARE = 0.1
_TWICE = "twice what it was off the original at export"


def spread(record: OutputRecord, outputs: np.ndarray) -> float:
    """Returns the spread: 1 for probabilities, else the range of the original's outputs.

    Where the outputs hardly differ, it is a tenth of the largest of them.
    """
    low, high = (float(np.min(outputs, initial=np.inf)), float(np.max(outputs, initial=-np.inf)))
    if record.task in PROBABILITIES and low >= 0 and high <= 1:
        return 1.0
    return max(high - low, LEAST_SHARE * max(abs(low), abs(high)), 1e-6)


def spreads(original: Original) -> dict[str, float]:
    """The spread of each output of a trained model, on its test data, or without any on the golden inputs."""
    outputs = original.reference() or original.golden()[1]
    return {record.name: spread(record, outputs[record.name]) for record in original.record.outputs}


def tolerances(
    target: Target, spreads: Mapping[str, float], errors: Mapping[str, float]
) -> dict[str, Tolerance]:
    """How far a device's answers to the golden inputs may be from the original's, by output.

    A float32 file is allowed the tolerance of its target, as in the gate.  Other files are allowed at least that, and
    at least twice the `errors` that they had at export, because the gate accepted them with these errors.
    """
    allowed = target.tolerance
    return {
        name: Tolerance(allowed.max_abs_error * wide, allowed.reason)
        if target.scheme == "float32" or 2 * errors[name] <= allowed.max_abs_error * wide
        else Tolerance(2 * errors[name], _TWICE)
        for name, wide in spreads.items()
    }
