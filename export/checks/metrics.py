"""The metrics of answers at export, computed by scikit-learn.

A device has no scikit-learn and computes them by `runtime.measure.metric`; a test holds the two together.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from runtime.bundle.manifest import OutputRecord
from runtime.measure.metric import checked_targets, decided, known_metric, metric_name


def metric(record: OutputRecord, outputs: np.ndarray, targets: np.ndarray) -> float:
    """The metric of an output's task: accuracy and F1 as fractions, RMSE in output units.

    Accuracy and RMSE are of all answers of all samples together, and F1 is micro-averaged over all labels.

    Args:
        record: what the output means.
        outputs: float32 [n, …shape], all finite.
        targets: what they should have been, as `checked_targets` takes them.

    Raises:
        InputError: the targets do not fit the outputs.
        BundleError: the task has no metric.
    """
    name = metric_name(record.task)
    known_metric(name)
    return _METRICS[str(name)](outputs, checked_targets(record, targets, len(outputs)))


def _accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    from sklearn.metrics import accuracy_score  # a second, which most commands never need

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it warns of few samples of many classes
        return float(accuracy_score(targets.ravel(), decided(outputs).ravel()))


def _f1(outputs: np.ndarray, targets: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    # Of one long list of yes and no, which is the micro-average.
    return float(f1_score(targets.ravel(), (outputs >= 0.5).ravel().astype(np.int64), zero_division=0))


def _rmse(outputs: np.ndarray, targets: np.ndarray) -> float:
    from sklearn.metrics import root_mean_squared_error

    return float(root_mean_squared_error(*(array.ravel().astype(np.float64) for array in (targets, outputs))))


_METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": _accuracy,
    "f1": _f1,
    "rmse": _rmse,
}
