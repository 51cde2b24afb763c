"""The spread of an output: tolerances are fractions of it, so that one table serves probabilities and prices."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from data.original import Original
from export.targets import FLOAT32, Target
from runtime.bundle.manifest import OutputRecord, Tolerance

PROBABILITIES = ("classification", "binary", "multilabel")
# Outputs that hardly differ are still rounded like their size: a float32 near 0.5 is known to 6e-8, and with the
# tolerance of float32, 1e-5 of this share of the size, eight such steps are allowed.
LEAST_SHARE = 0.1
# Rounding to nearest leaves a number within half a unit in the last place of what it stands for.  Where that alone
# moves the original by more than float32 is allowed, the net is ill-conditioned.  Both the original and the file round,
# so what one unit moves is then allowed between them.
_HALF_A_UNIT = 0.5
# The most that is allowed for rounding, as a share of the spread, however ill-conditioned the net: a fifth of what
# float16 is allowed.
MOST_BY_ROUNDING = 1e-3
_ROUNDING = "one unit in the last place of the inputs moves the original's own answers as far"
_TWICE = "twice what it was off the original at export"


def spread(record: OutputRecord, outputs: np.ndarray) -> float:
    """Returns the spread: 1 for probabilities, else the range of the original's outputs.

    Where the outputs hardly differ, it is a tenth of the largest of them.
    """
    values = outputs.astype(np.float64)  # whole numbers have no infinity
    low, high = float(np.min(values, initial=np.inf)), float(np.max(values, initial=-np.inf))
    if record.task in PROBABILITIES and low >= 0 and high <= 1:
        return 1.0
    return max(high - low, LEAST_SHARE * max(abs(low), abs(high)), 1e-6)


def spreads(original: Original) -> dict[str, float]:
    """The spread of each output of a trained model, on its test data, or without any on the golden inputs."""
    outputs = original.reference() or original.golden()[1]
    return {record.name: spread(record, outputs[record.name]) for record in original.record.outputs}


def parity_tolerances(
    target: Target, spreads: Mapping[str, float], sensitivity: Mapping[str, float]
) -> dict[str, Tolerance]:
    """How far a target's answers may be from the original's by rounding alone, in output units, by output.

    It is the target's tolerance, of float32 at least what rounding does to the original itself: `by_rounding`.
    """
    allowed = target.tolerance
    found = {}
    for name, wide in spreads.items():
        rounding = by_rounding(name, wide, sensitivity) if target.scheme == "float32" else 0.0
        usual = Tolerance(allowed.max_abs_error * wide, allowed.reason)
        found[name] = Tolerance(rounding, _ROUNDING) if rounding > usual.max_abs_error else usual
    return found


def by_rounding(output: str, wide: float, sensitivity: Mapping[str, float]) -> float:
    """How far rounding may move the answers of an ill-conditioned net, in output units; 0 for any other net.

    Args:
        output: the name of an output.
        wide: its spread.
        sensitivity: by output, what one unit in the last place of the inputs moves: `export.checks.sensitivity`.
    """
    moved = sensitivity.get(output, 0.0)
    ill_conditioned = _HALF_A_UNIT * moved > FLOAT32.max_abs_error * wide
    return min(moved, MOST_BY_ROUNDING * wide) if ill_conditioned else 0.0


def tolerances(
    target: Target,
    spreads: Mapping[str, float],
    errors: Mapping[str, float],
    sensitivity: Mapping[str, float] = MappingProxyType({}),
) -> dict[str, Tolerance]:
    """How far a device's answers to the golden inputs may be from the original's, by output.

    A float32 file is allowed what the gate allows: `parity_tolerances`.  Other files are allowed at least their
    target's tolerance, and at least twice the `errors` that they had at export, because the gate accepted them with
    these errors.
    """
    return {
        name: allowed
        if target.scheme == "float32" or 2 * errors[name] <= allowed.max_abs_error
        else Tolerance(2 * errors[name], _TWICE)
        for name, allowed in parity_tolerances(target, spreads, sensitivity).items()
    }
