"""Weights on the grid of eight bits, chosen by what that does to a layer's outputs instead of to the nearest step.

AdaRound (Nagel, Amjad, van Baalen, Louizos and Blankevoort, "Up or Down? Adaptive Rounding for Post-Training
Quantization", ICML 2020) showed that the nearest step is not the best: the error of a layer's outputs depends on how
the errors of its weights add up over inputs that vary together.  It is minimised here by coordinate descent on the
second moments of the inputs, as in Nair and Suggala, "CDQuant: Greedy Coordinate Descent for Accurate LLM
Quantization", 2024.  A channel's largest weight stays as it is, so that the quantizers of both formats find the same
grid and round each of these weights to itself.
"""

from __future__ import annotations

import numpy as np

LARGEST = 127
_PASSES = 4
# Of the mean second moment, what is added to all of them: few samples do not tell directions apart that hardly vary.
_DAMPED = 0.01


def nearest(rows: np.ndarray) -> np.ndarray:
    """Rows [groups, n, columns] rounded to the nearest step of each row's grid, float64."""
    step = steps(rows)
    return np.asarray(np.rint(rows / step) * step, np.float64)


def steps(rows: np.ndarray) -> np.ndarray:
    """The step of each row's grid, float64 [groups, n, 1]: 127 of them are its largest weight."""
    largest = np.abs(rows).max(axis=2, keepdims=True).astype(np.float64) / LARGEST
    return np.where(largest > 0, largest, 1.0)


def by_outputs(rows: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Rows on their grids so that the mean square error of the layer's outputs is small, float64.

    Args:
        rows: the weights, [groups, n, columns].
        moments: the mean product of each two columns of what they are multiplied with, or the covariance where a bias
            takes the mean error; [groups, columns, columns].
    """
    step = steps(rows)
    whole = np.rint(rows / step)
    fixed = np.abs(whole) >= LARGEST
    columns = rows.shape[2]
    middle = np.trace(moments, axis1=1, axis2=2) / columns
    damped = moments + _DAMPED * middle[:, np.newaxis, np.newaxis] * np.eye(columns)
    # How the error of the outputs changes with each weight, halved.
    slope = ((whole * step - rows) @ damped).astype(np.float32)
    curve = damped.astype(np.float32)
    step32 = step[:, :, 0].astype(np.float32)
    for _ in range(_PASSES):
        moved = False
        for column in range(columns):
            steep = curve[:, column, column, np.newaxis]
            with np.errstate(divide="ignore", invalid="ignore"):
                by = np.nan_to_num(np.rint(-slope[:, :, column] / (steep * step32)), posinf=0, neginf=0)
            at = whole[:, :, column]
            by = np.where(fixed[:, :, column], 0, np.clip(at + by, 1 - LARGEST, LARGEST - 1) - at)
            if by.any():
                moved = True
                whole[:, :, column] += by
                slope += (by * step32)[:, :, np.newaxis].astype(np.float32) * curve[:, column, np.newaxis, :]
        if not moved:
            break
    return np.asarray(np.where(fixed, rows, whole * step), np.float64)
