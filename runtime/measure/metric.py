"""Metrics: task scores on labelled data."""

import numpy as np

from runtime.errors import InputError


def metric_name(task: str) -> str:
    """The metric of a task: accuracy for a classification, rmse for a regression."""
    return "accuracy" if task == "classification" else "rmse"


def metric(task: str, outputs: np.ndarray, targets: np.ndarray) -> float:
    """Accuracy as a fraction, or the root of the mean squared error in output units.

    Args:
        task: classification or regression.
        outputs: float32 [n, k].
        targets: class numbers [n] of a classification, values [n] or [n, k] of a regression.

    Raises:
        InputError: the targets do not fit the outputs.
    """
    targets = np.asarray(targets)
    rows, width = outputs.shape
    shape = (rows,) if task == "classification" or width == 1 else (rows, width)
    if not rows or targets.size != np.prod(shape) or len(targets) != rows:
        raise InputError(f"{rows} outputs of {width}, but targets of the shape {list(targets.shape)}")
    targets = targets.reshape(shape)
    if targets.dtype.kind not in "fiu" or not np.isfinite(targets).all():
        raise InputError(f"the targets are {targets.dtype}; they must be finite numbers")
    if task == "classification":
        if targets.min() < 0 or targets.max() >= width or (targets != np.floor(targets)).any():
            raise InputError(
                f"targets from {targets.min()} to {targets.max()}; they must be class numbers from 0 to {width - 1}"
            )
        return float(np.mean(outputs.argmax(axis=1) == targets))
    error = outputs.reshape(shape).astype(np.float64) - targets
    return float(np.sqrt(np.mean(error * error)))
