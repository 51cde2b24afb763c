"""Metrics are those of the definition, and targets that do not fit are refused."""

import numpy as np
import pytest

from runtime.errors import InputError
from runtime.measure.metric import metric, metric_name

OUTPUTS = np.float32([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]])
VALUES = np.float32([[1], [2], [4]])


def test_accuracy_is_a_fraction():
    assert metric("classification", OUTPUTS, np.array([0, 1, 0, 0], np.uint8)) == 0.75
    answers = np.eye(10, dtype=np.float32)[[1, 2, 3, 3]]
    assert metric("classification", answers, np.array([1, 2, 3, 4])) == 0.75
    assert metric_name("classification") == "accuracy"


def test_rmse_is_in_output_units():
    for targets in ([1, 2, 1], [[1], [2], [1]]):
        assert metric("regression", VALUES, np.array(targets)) == pytest.approx(3**0.5)
    assert metric("regression", np.float32([[1], [2]]), np.array([1.0, 5.0])) == pytest.approx(4.5**0.5)
    assert metric_name("regression") == "rmse"


@pytest.mark.parametrize(
    ("task", "outputs", "targets", "words"),
    [
        ("classification", OUTPUTS, [0, 1], r"4 outputs of 2, but targets of the shape \[2\]"),
        ("classification", OUTPUTS, [[0, 1]] * 4, "targets of the shape"),
        ("classification", OUTPUTS, [0, 1, 2, 0], "from 0 to 2; they must be class numbers from 0 to 1"),
        ("classification", OUTPUTS, [0, 1, -1, 0], "class numbers"),
        ("classification", OUTPUTS, [0, 1, 0.5, 0], "class numbers"),
        ("classification", OUTPUTS, ["a"] * 4, "must be finite numbers"),
        ("regression", VALUES, [1, 2, np.nan], "must be finite numbers"),
        ("regression", VALUES, [1, 2], "3 outputs of 1"),
        ("regression", VALUES[:0], [], "0 outputs"),
        ("regression", VALUES, 3, "3 outputs of 1"),
    ],
)
def test_targets_that_do_not_fit_are_refused(task, outputs, targets, words):
    with pytest.raises(InputError, match=words):
        metric(task, outputs, np.array(targets))
