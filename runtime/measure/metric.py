"""Metrics: task scores on labelled data, and how much worse one score is than another."""

import math
from collections.abc import Callable, Iterable

import numpy as np

from runtime.bundle.manifest import DIRECTIONS, OutputRecord
from runtime.errors import BundleError, InputError
from runtime.namedtuples import FastNamedTuple


class Metric(FastNamedTuple):
    """One metric.

    Attributes:
        parts: gives of outputs [n, …] and as many targets what each sample adds to the score, float64 [n, m].
        score: gives the score of the means of those parts, [m] or […, m].
        best: which of several scores is the best.
        drop_unit: "points" for a score that is a fraction, whose drop is in percentage points; "%" for an error, whose
            drop is in percent of the reference.
    """

    parts: Callable[[np.ndarray, np.ndarray], np.ndarray]
    score: Callable[[np.ndarray], np.ndarray]
    best: Callable[[Iterable[float]], float]
    drop_unit: str


def _right(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The share of each sample's answers that are the target."""
    right = decided(outputs) == targets
    shares: np.ndarray = right.reshape(len(outputs), -1).mean(axis=1, keepdims=True)
    return shares


def _hits(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """For each sample, the numbers of true positives, false positives and false negatives among its labels."""
    given, wanted = (array.reshape(len(outputs), -1) >= 0.5 for array in (outputs, targets))
    counts = [(given & wanted).sum(axis=1), (given & ~wanted).sum(axis=1), (~given & wanted).sum(axis=1)]
    hits: np.ndarray = np.stack(counts, axis=1).astype(np.float64)
    return hits


def _f1(hits: np.ndarray) -> np.ndarray:
    """The harmonic mean of precision and recall over all labels together (micro-averaged); 0 where there is none."""
    right, wrong, missed = (hits[..., place] for place in range(3))
    found: np.ndarray = 2 * right / np.maximum(2 * right + wrong + missed, 1e-12)
    return found


def _squares(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The mean squared error of each sample."""
    error = outputs.reshape(len(outputs), -1).astype(np.float64) - targets.reshape(len(outputs), -1)
    means: np.ndarray = (error * error).mean(axis=1, keepdims=True)
    return means


METRICS = {
    "accuracy": Metric(_right, lambda share: share[..., 0], max, "points"),
    "f1": Metric(_hits, _f1, max, "points"),
    "rmse": Metric(_squares, lambda squares: np.sqrt(squares[..., 0]), min, "%"),
}


class Scale(FastNamedTuple):
    """How scores of a metric compare: which of several is the best, and the unit of a drop, as in `Metric`."""

    best: Callable[[Iterable[float]], float]
    drop_unit: str


# A user's metric is computed at export alone; of its scores only this is known, by which of them are better.
SCALES = {name: Scale(metric.best, metric.drop_unit) for name, metric in METRICS.items()}
SCALES |= {"higher": Scale(max, "points"), "lower": Scale(min, "%")}
_SHOWN = {"f1": "F1", "rmse": "RMSE"}
_BY_TASK = {
    "classification": "accuracy",
    "binary": "accuracy",
    "multilabel": "f1",
    "regression": "rmse",
    "reconstruction": "rmse",
}


def metric_name(task: str) -> str | None:
    """The metric of a task; None for one without."""
    return _BY_TASK.get(task)


def known_metric(name: str | None) -> Metric:
    """The row of METRICS; BundleError for a name that is not there."""
    if name not in METRICS:
        raise BundleError(f"the metric {str(name)[:40]!r} is unknown; known: {', '.join(METRICS)}")
    return METRICS[name]


def known_scale(scale: str | None) -> Scale:
    """The row of SCALES: of a metric's name, or of a direction; BundleError for what is not there."""
    if scale not in DIRECTIONS:
        known_metric(scale)
    return SCALES[str(scale)]


def drop(scale: str | None, score: float, reference: float) -> float:
    """How much worse a score is than the reference, in the scale's `drop_unit`; negative where it is better.

    An error against a reference of 0 is infinitely worse unless it is 0 too. `scale` is a key of SCALES; BundleError
    for another.
    """
    if known_scale(scale).drop_unit == "points":
        return (reference - score) * 100
    if reference == 0:
        return math.inf if score > 0 else 0.0
    return (score / reference - 1) * 100


def shown_name(name: str | None) -> str:
    """A metric's name as people write it."""
    return _SHOWN.get(str(name), str(name))


def metric_text(scale: str | None, score: float | None) -> str:
    """A score as tables show it; `scale` is a key of SCALES."""
    if score is None:
        return "-"
    if known_scale(scale).drop_unit == "points":
        return f"{score:.2%}"
    return f"{score:.4g}" if scale == "lower" else f"{score:.4f}"  # nobody knows its size


def drop_text(scale: str | None, amount: float | None) -> str:
    """A drop as tables show it; `scale` is a key of SCALES."""
    return "not measured" if amount is None else f"{plain(amount)} {known_scale(scale).drop_unit}"


def plain(amount: float) -> str:
    """A drop with two decimals."""
    return f"{rounded(amount, 2):.2f}"


def rounded(value: float, decimals: int) -> float:
    """The value with so many decimals; what rounds to nothing has no minus."""
    return round(value, decimals) + 0.0


def in_scale_of(record: OutputRecord, values: np.ndarray) -> np.ndarray:
    """What a reconstruction is compared with: raw values of its input [n, *shape] in its scale, float64 [n, *shape].

    Where the scale is not known, the values as they are.
    """
    found: np.ndarray = values.astype(np.float64)
    if record.scale is None or record.offset is None:
        return found
    return found * record.scale + record.offset


def decided(outputs: np.ndarray) -> np.ndarray:
    """The answers in outputs [n, …, k]: int64 [n, …], the class of the largest; of k = 1, whether it is 0.5 or more."""
    found: np.ndarray = (
        (outputs[..., 0] >= 0.5).astype(np.int64) if outputs.shape[-1] == 1 else outputs.argmax(axis=-1)
    )
    return found


def metric(record: OutputRecord, outputs: np.ndarray, targets: np.ndarray) -> float:
    """The score of outputs by the metric of their task: accuracy and F1 as fractions, RMSE in output units.

    Args:
        record: what the output means.
        outputs: float32 [n, …shape].
        targets: what they should have been, as `checked_targets` takes them.

    Raises:
        InputError: the targets do not fit the outputs.
        BundleError: the task has no metric.
    """
    found = known_metric(metric_name(record.task))
    parts = found.parts(outputs, checked_targets(record, targets, len(outputs)))
    return float(found.score(parts.mean(axis=0)))


def checked_targets(record: OutputRecord, targets: np.ndarray, count: int) -> np.ndarray:
    """The targets of `count` samples, in the shape that `parts` of the task's metric takes.

    Args:
        record: what the output means.
        targets: class numbers [n, …] of a classification, one-hot [n, …, k] too; 0 or 1, [n], of a binary and,
            [n, …, k], of a multilabel; values [n, …shape] of others, [n] too where a row has one.
        count: how many samples there must be.

    Raises:
        InputError: the number, the shape or the values do not fit.
    """
    targets = np.asarray(targets)
    numbers = record.task in ("classification", "binary")
    shape = (count, *(record.shape[:-1] if numbers else record.shape))
    if targets.dtype.kind not in "fiub" or not np.isfinite(targets).all():
        raise InputError(f"the targets are {targets.dtype}; they must be finite numbers")
    if record.task == "classification" and targets.shape == (count, *record.shape):
        targets = targets.argmax(axis=-1)
    if not count or targets.ndim == 0 or len(targets) != count or targets.size != math.prod(shape):
        raise InputError(
            f"{count} outputs of the shape {list(record.shape)}, but targets of the shape {list(targets.shape)}; "
            f"expected {list(shape)}"
        )
    targets = targets.reshape(shape)
    if numbers or record.task == "multilabel":
        classes = len(record.labels or ()) if numbers else 2
        if targets.min() < 0 or targets.max() >= classes or (targets != np.floor(targets)).any():
            raise InputError(
                f"targets from {targets.min()} to {targets.max()}; they must be class numbers from 0 to {classes - 1}"
            )
        return targets.astype(np.int64)
    return targets
