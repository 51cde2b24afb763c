"""Metrics are those of the definition, and targets that do not fit are refused."""

import numpy as np
import pytest

from runtime.bundle.manifest import OutputRecord
from runtime.errors import BundleError, InputError
from runtime.measure.metric import METRICS, decided, drop, drop_text, metric, metric_name, metric_text

OUTPUTS = np.float32([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]])
VALUES = np.float32([[1], [2], [4]])
CLASSES = OutputRecord("classes", (2,), "classification", labels=("a", "b"))
BINARY = OutputRecord("yes", (1,), "binary", labels=("no", "yes"))
MANY = OutputRecord("labels", (3,), "multilabel", labels=("a", "b", "c"))
VALUE = OutputRecord("value", (1,), "regression")


def test_accuracy_is_a_fraction():
    assert metric(CLASSES, OUTPUTS, np.array([0, 1, 0, 0], np.uint8)) == 0.75
    assert metric(CLASSES, OUTPUTS, np.eye(2)[[0, 1, 0, 0]]) == 0.75
    assert metric_name("classification") == metric_name("binary") == "accuracy"


def test_accuracy_of_an_answer_at_each_step_counts_all_steps():
    record = OutputRecord("tags", (2, 2), "classification", labels=("a", "b"))
    assert metric(record, OUTPUTS.reshape(2, 2, 2), np.array([[0, 1], [0, 0]])) == 0.75


def test_accuracy_of_one_probability_decides_at_a_half():
    outputs = np.float32([[0.5], [0.49], [0.9], [0.1]])
    assert metric(BINARY, outputs, np.array([1, 0, 0, 0])) == 0.75
    assert metric(BINARY, outputs, np.array([[1], [0], [0], [0]])) == 0.75
    assert decided(outputs).tolist() == [1, 0, 1, 0]


def test_rmse_is_in_output_units():
    for targets in ([1, 2, 1], [[1], [2], [1]]):
        assert metric(VALUE, VALUES, np.array(targets)) == pytest.approx(3**0.5)
    assert metric(VALUE, np.float32([[1], [2]]), np.array([1.0, 5.0])) == pytest.approx(4.5**0.5)
    assert metric_name("regression") == metric_name("reconstruction") == "rmse"


def test_a_tensor_has_no_metric():
    assert metric_name("tensor") is None
    with pytest.raises(BundleError, match="the metric 'None' is unknown"):
        metric(OutputRecord("x", (1,), "tensor"), VALUES, VALUES)


def test_f1_of_nothing_given_and_nothing_wanted_is_0():
    assert metric(MANY, np.zeros((4, 3), np.float32), np.zeros((4, 3))) == 0


def test_what_a_drop_is_depends_on_the_metric():
    assert drop("accuracy", 0.9, 0.92) == pytest.approx(2.0)
    assert drop("f1", 0.9, 0.92) == pytest.approx(2.0)
    assert drop("rmse", 1.1, 1.0) == pytest.approx(10.0)
    assert drop("rmse", 0.1, 0.0) == np.inf and drop("rmse", 0.0, 0.0) == 0
    assert set(METRICS) == {"accuracy", "f1", "rmse"}


def test_the_drop_of_a_users_metric_is_in_points_where_higher_is_better_and_in_percent_where_lower_is():
    assert drop("higher", 0.9, 0.92) == pytest.approx(2.0) and drop("higher", -0.1, 0.0) == pytest.approx(
        10.0
    )
    assert drop("lower", 1.1, 1.0) == pytest.approx(10.0)
    assert metric_text("higher", 0.5) == "50.00%" and metric_text("lower", 0.00112) == "0.00112"
    assert drop_text("higher", 0.5) == "0.50 points" and drop_text("lower", 0.5) == "0.50 %"
    with pytest.raises(BundleError, match="the metric 'pinball' is unknown"):
        drop("pinball", 1.0, 1.0)


@pytest.mark.parametrize(
    ("record", "outputs", "targets", "words"),
    [
        (
            CLASSES,
            OUTPUTS,
            [0, 1],
            r"4 outputs of the shape \[2\], but targets of the shape \[2\]; expected \[4\]",
        ),
        (CLASSES, OUTPUTS, [[0, 1, 0]] * 4, "targets of the shape"),
        (CLASSES, OUTPUTS, [0, 1, 2, 0], "from 0 to 2; they must be class numbers from 0 to 1"),
        (CLASSES, OUTPUTS, [0, 1, -1, 0], "class numbers"),
        (CLASSES, OUTPUTS, [0, 1, 0.5, 0], "class numbers"),
        (CLASSES, OUTPUTS, ["a"] * 4, "must be finite numbers"),
        (BINARY, OUTPUTS[:, :1], [0, 1, 2, 0], "class numbers from 0 to 1"),
        (MANY, np.zeros((2, 3), np.float32), [[0, 1, 0.5]] * 2, "class numbers from 0 to 1"),
        (MANY, np.zeros((2, 3), np.float32), [0, 1], "targets of the shape"),
        (VALUE, VALUES, [1, 2, np.nan], "must be finite numbers"),
        (VALUE, VALUES, [1, 2], "3 outputs of the shape"),
        (VALUE, VALUES[:0], [], "0 outputs"),
        (VALUE, VALUES, 3, "3 outputs of the shape"),
    ],
)
def test_targets_that_do_not_fit_are_refused(record, outputs, targets, words):
    with pytest.raises(InputError, match=words):
        metric(record, outputs, np.array(targets))
