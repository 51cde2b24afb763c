"""Warns of answers of the original model that are not what its task, or its test data, lead to expect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from data.dataset import Arrays
from data.trained_model import MetricRecord
from runtime.bundle.manifest import OutputRecord
from runtime.measure.metric import checked_targets, known_metric, metric_text, shown_name

# Rounding may take a probability a little beyond 0 or 1.
_ROUNDING = 1e-5


def no_probabilities(outputs: Sequence[OutputRecord], answers: Arrays) -> list[str]:
    """A line for each output whose task takes probabilities and that gives others, such as logits.

    Args:
        outputs: what the model gives.
        answers: by output, some of its answers.
    """
    found = []
    for output in outputs:
        low, high = float(answers[output.name].min()), float(answers[output.name].max())
        if output.task in ("binary", "multilabel") and (low < -_ROUNDING or high > 1 + _ROUNDING):
            found.append(
                f"{output.name}: answers go from {low:.3g} to {high:.3g}, and the task {output.task} takes them for "
                "probabilities, yes from 0.5 on; end the model in a sigmoid"
            )
    return found


def no_better_than_constant(
    outputs: Sequence[OutputRecord], targets: Arrays, metrics: Mapping[str, MetricRecord]
) -> list[str]:
    """A line for each output whose metric a constant answer reaches too.

    Args:
        outputs: what the model gives.
        targets: by output, what the answers should have been.
        metrics: by output, what the original reaches on the same samples.
    """
    scored = [output for output in outputs if output.name in metrics]
    found = (_warning(output, targets[output.name], metrics[output.name]) for output in scored)
    return [line for line in found if line]


def _warning(output: OutputRecord, targets: NDArray[np.generic], reached: MetricRecord) -> str | None:
    wanted = checked_targets(output, targets, len(targets))
    if reached.name == "accuracy":
        constant, what, remedy = _of_a_class(output, wanted)
    elif reached.name == "rmse":
        constant, what, remedy = _of_the_mean(wanted)
    else:
        return None  # F1's best constant answer is a choice of labels, which says little
    best = known_metric(reached.name).best
    perfect = 1.0 if reached.name == "accuracy" else 0.0
    if reached.value == perfect or best((reached.value, constant)) != constant:
        return None
    return (
        f"{output.name}: the original is no better on the test data than a constant answer: its "
        f"{shown_name(reached.name)} is {metric_text(reached.name, reached.value)}, and {what} has "
        f"{metric_text(reached.name, constant)}; {remedy}"
    )


def _of_a_class(output: OutputRecord, wanted: NDArray[np.generic]) -> tuple[float, str, str]:
    classes, counts = np.unique(wanted, return_counts=True)
    most = int(classes[counts.argmax()])
    labels = output.labels or ()  # a classification has some
    return (
        float(counts.max() / counts.sum()),
        f"always answering {labels[most]!r}",
        "check that the values are scaled as in training (pixels: --pixels), and that the classes stand in the model's "
        f"order, {_some(labels)}",
    )


def _of_the_mean(wanted: NDArray[np.generic]) -> tuple[float, str, str]:
    values = wanted.astype(np.float64)
    constant = float(np.sqrt(np.square(values - values.mean(axis=0)).mean()))
    return (
        constant,
        "always answering the mean of the targets",
        "check that the values, and the targets, are in the scale and the units of training",
    )


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:5]) + (", …" if len(labels) > 5 else "")
