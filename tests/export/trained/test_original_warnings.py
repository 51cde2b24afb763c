"""A model that is no better than a constant answer, or gives no probabilities, is warned of; others are not."""

import numpy as np
import pytest

from data.trained_model import MetricRecord
from export.trained.original_warnings import no_better_than_constant, no_probabilities
from runtime.bundle.manifest import OutputRecord

CLASSES = OutputRecord("kind", (3,), "classification", labels=("ant", "bee", "cat"))
MANY = OutputRecord("kind", (7,), "classification", labels=tuple("abcdefg"))
YES = OutputRecord("sure", (1,), "binary", labels=("no", "yes"))
PRICE = OutputRecord("price", (2,), "regression")
TAGS = OutputRecord("tags", (2,), "multilabel", labels=("wet", "cold"))
NUMBERS = np.array([0, 1, 1, 2])
VALUES = np.array([[0.0, 10], [2, 10], [4, 10], [6, 10]])  # 2.236 around 3, and 0: together 1.581


def said(output, targets, name, value):
    return no_better_than_constant(
        [output], {output.name: targets}, {output.name: MetricRecord(name, value, "samples")}
    )


@pytest.mark.parametrize("reached", [0.25, 0.5])
def test_no_better_than_the_most_frequent_class(reached):
    assert said(CLASSES, NUMBERS, "accuracy", reached) == [
        f"kind: the original is no better on the test data than a constant answer: its accuracy is {reached:.2%}, and "
        "always answering 'bee' has 50.00%; check that the values are scaled as in training (pixels: --pixels), and "
        "that the classes stand in the model's order, ant, bee, cat"
    ]
    assert said(CLASSES, np.eye(3)[NUMBERS], "accuracy", reached) == said(
        CLASSES, NUMBERS, "accuracy", reached
    )


def test_of_many_classes_the_first_are_named():
    (line,) = said(MANY, NUMBERS, "accuracy", 0.1)
    assert line.endswith("in the model's order, a, b, c, d, e, …")


@pytest.mark.parametrize("reached", [1.581139, 3.0])
def test_no_better_than_the_mean(reached):
    assert said(PRICE, VALUES, "rmse", reached) == [
        f"price: the original is no better on the test data than a constant answer: its RMSE is {reached:.4f}, and "
        "always answering the mean of the targets has 1.5811; check that the values, and the targets, are in the scale "
        "and the units of training"
    ]


@pytest.mark.parametrize(
    ("output", "targets", "name", "value"),
    [
        (CLASSES, NUMBERS, "accuracy", 0.51),
        (CLASSES, np.zeros(4), "accuracy", 1.0),  # right everywhere, on one class
        (YES, np.array([0, 1, 0, 1]), "accuracy", 0.75),
        (PRICE, VALUES, "rmse", 1.58),
        (PRICE, VALUES * 0, "rmse", 0.0),
        (TAGS, np.ones((4, 2)), "f1", 0.0),
    ],
)
def test_others_are_not_warned_of(output, targets, name, value):
    assert said(output, targets, name, value) == []


def test_outputs_without_a_metric_are_left_alone():
    assert no_better_than_constant([CLASSES], {"kind": NUMBERS}, {}) == []


def test_a_class_of_two():
    (line,) = said(YES, np.array([0, 0, 1]), "accuracy", 0.3)
    assert "always answering 'no' has 66.67%" in line


ANSWERS = np.array([[-1.25], [3.0]], np.float32)


def test_answers_that_are_no_probabilities_are_warned_of():
    assert no_probabilities([YES], {"sure": ANSWERS}) == [
        "sure: answers go from -1.25 to 3, and the task binary takes them for probabilities, yes from 0.5 on; end "
        "the model in a sigmoid"
    ]
    assert len(no_probabilities([TAGS], {"tags": ANSWERS + 2})) == 1


@pytest.mark.parametrize(
    ("output", "answers"), [(YES, [[0.0], [1 + 1e-6]]), (CLASSES, [[-1.0, 2, 3]]), (PRICE, [[-1.0, 2]])]
)
def test_probabilities_and_values_are_not(output, answers):
    assert no_probabilities([output], {output.name: np.array(answers, np.float32)}) == []
