"""How far rounding alone moves an original's answers: what no float32 file can be held closer than.

An ill-conditioned net, as one that takes the logarithm of a spectrum, answers otherwise when its sums are added in
another order, by more than the tolerance that suits other nets.  Whether a net is like that can be seen on the original
alone: its float inputs are moved by one unit in the last place, and its answers compared with those to the inputs as
they are.  (The forward error is about the condition number times the relative error of the inputs: N. J. Higham,
Accuracy and Stability of Numerical Algorithms, 2nd edition, 2002, section 1.6.)
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.dataset import Arrays
from data.original import Original

# How often all inputs are moved, each value up or down at random; the largest difference counts.
PATTERNS, SEED = 8, 20


def sensitivity(original: Original) -> dict[str, float]:
    """How far one unit in the last place of the golden inputs moves the original's answers, by output.

    It runs in a worker with TensorFlow.

    Returns:
        In output units, for float outputs; 0 where no input is a float.

    Raises:
        ModelError: the original cannot be loaded.
    """
    if not any(record.tensor.dtype == "float32" for record in original.record.inputs):
        return {record.name: 0.0 for record in original.record.outputs}
    from export.trained.original_model import open_original

    model = open_original(original)
    return moved_by_rounding(model.call, model.edge(original.golden()[0]))


def moved_by_rounding(call: Callable[[Arrays], Arrays], inputs: Arrays) -> dict[str, float]:
    """`sensitivity` of whatever answers to inputs, both [n, …] by name.

    Answers that are not finite count as unmoved.
    """
    random = np.random.default_rng(SEED)
    expected = call(inputs)
    largest = dict.fromkeys(expected, 0.0)
    for _ in range(PATTERNS):
        answers = call({name: _moved(values, random) for name, values in inputs.items()})
        for name, wanted in expected.items():
            if wanted.dtype.kind == "f":
                with np.errstate(invalid="ignore"):
                    distance = np.abs(answers[name].astype(np.float64) - wanted)
                found = float(np.max(distance, initial=0.0, where=np.isfinite(distance)))
                largest[name] = max(largest[name], found)
    # Two digits: what a machine's own order of additions changes is not in the manifest.
    return {name: float(f"{found:.1e}") for name, found in largest.items()}


def _moved(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each float32 value one unit in the last place up or down."""
    if values.dtype != np.float32:
        return values
    up = random.integers(0, 2, values.shape).astype(bool)
    moved: np.ndarray = np.nextafter(values, np.where(up, np.float32(np.inf), np.float32(-np.inf)))
    return np.where(np.isfinite(moved), moved, values)
