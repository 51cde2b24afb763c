"""The floor: without labels, what answers must have in common with the original's to be those of the same model."""

from __future__ import annotations

import numpy as np

from export.checks.spread import LEAST_SHARE
from runtime.bundle.manifest import OutputRecord
from runtime.measure.metric import decided

# What is unrelated to the original's answers is at 0 dB or below. Answers that are sure by a tenth of their spread are
# turned round by garbage only.
FLOOR_DB, FLOOR_AGREEMENT, SURE = 6.0, 0.75, 0.1


def below_floor(record: OutputRecord, answers: np.ndarray, expected: np.ndarray, wide: float) -> str:
    """Why these cannot be the answers of this model, whatever the budget; an empty string where they can.

    It measures two things: the SQNR, whose signal is the variation of the original's answers between samples (at least
    a tenth of the spread), and the share of the original's sure answers that stay the same.
    """
    wanted = expected.astype(np.float64)
    noise = float(np.mean((answers - wanted) ** 2))
    signal = max(float(np.mean((wanted - wanted.mean(axis=0)) ** 2)), (LEAST_SHARE * wide) ** 2)
    found = np.inf if noise == 0 else 10 * np.log10(signal / noise)
    if not found >= FLOOR_DB:
        return f"its answers are {found:.1f} dB from the original's, needed are {FLOOR_DB:g} dB: this is another model"
    if record.task == "classification" and expected.shape[-1] > 1:
        ordered = np.sort(wanted, axis=-1)
        sure = ordered[..., -1] - ordered[..., -2] >= SURE * wide
        same = float(np.mean((decided(answers) == decided(expected))[sure])) if sure.any() else 1.0
        if same < FLOOR_AGREEMENT:
            return (
                f"it agrees with the original's sure answers in {same:.0%}, needed are {FLOOR_AGREEMENT:.0%}: this is "
                "another model"
            )
    return ""
