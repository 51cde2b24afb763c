"""Metrics: task scores on labelled data, and how much worse one score is than another."""

import math
from collections.abc import Callable, Iterable

import numpy as np

from runtime.errors import BundleError, InputError
from runtime.namedtuples import FastNamedTuple


class Metric(FastNamedTuple):
    """One metric: which of several scores is the best, and the unit in which a drop is given.

    A drop is in percentage points of a score that is a fraction, and in percent of the reference of an error.
    """

    best: Callable[[Iterable[float]], float]
    drop_unit: str  # "points" or "%"


METRICS = {"accuracy": Metric(max, "points"), "rmse": Metric(min, "%")}


def metric_name(task: str) -> str:
    """The metric of a task: accuracy for a classification, rmse for a regression."""
    return "accuracy" if task == "classification" else "rmse"


def known_metric(name: str | None) -> Metric:
    """The row of METRICS; BundleError for a name that is not there."""
    if name not in METRICS:
        raise BundleError(f"the metric {str(name)[:40]!r} is unknown; known: {', '.join(METRICS)}")
    return METRICS[name]


def drop(name: str | None, score: float, reference: float) -> float:
    """How much worse a score is than the reference, in the metric's `drop_unit`; negative where it is better.

    An error against a reference of 0 is infinitely worse unless it is 0 too. BundleError for an unknown metric.
    """
    if known_metric(name).drop_unit == "points":
        return (reference - score) * 100
    if reference == 0:
        return math.inf if score > 0 else 0.0
    return (score / reference - 1) * 100


def metric_text(name: str | None, score: float | None) -> str:
    """A score as tables show it."""
    if score is None:
        return "-"
    return f"{score:.2%}" if name == "accuracy" else f"{score:.4f}"


def drop_text(name: str | None, amount: float | None) -> str:
    """A drop as tables show it."""
    return "not measured" if amount is None else f"{amount:.2f} {known_metric(name).drop_unit}"


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
