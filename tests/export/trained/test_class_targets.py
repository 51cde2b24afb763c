"""Targets tell of classes where the model does not, and nothing where they may be values."""

import numpy as np
import pytest

from export.trained.class_targets import by_targets

NUMBERS, ONE_HOT = np.array([0, 2, 1]), np.eye(3)[[0, 2, 1]]
FOLDERS = ("ant", "bee", "cat")


@pytest.mark.parametrize(
    ("task", "shape", "targets", "folders", "why"),
    [
        ("tensor", (3,), NUMBERS, None, "its targets are class numbers up to 2"),
        ("regression", (3,), NUMBERS.astype(np.float32)[:, np.newaxis], None, "its targets are class numbers up to 2"),
        ("multilabel", (4,), NUMBERS, None, "its targets are class numbers up to 2"),
        ("tensor", (5, 3), np.ones((2, 5), int), None, "its targets are class numbers up to 1"),
        ("tensor", (3,), ONE_HOT, None, "its targets are one-hot"),
        ("tensor", (3,), np.array(["ant", "cat"]), None, "its targets are names"),
        ("regression", (3,), None, FOLDERS, "the data have folders of 3 classes"),
        ("tensor", (3,), None, FOLDERS, "the data have folders of 3 classes"),
    ],
)  # fmt: skip
def test_classes(task, shape, targets, folders, why):
    assert by_targets(task, shape, targets, folders) == why


@pytest.mark.parametrize(
    ("task", "shape", "targets", "folders"),
    [
        ("tensor", (2,), NUMBERS, None),  # there is no class 2
        ("tensor", (3,), NUMBERS - 1, None),
        ("tensor", (3,), NUMBERS + 0.5, None),
        ("tensor", (3,), ONE_HOT * 2, None),
        ("tensor", (3,), np.ones((3, 3)), None),
        ("regression", (3,), ONE_HOT, None),  # may be three values
        ("multilabel", (3,), ONE_HOT, None),
        ("reconstruction", (3,), NUMBERS, None),
        ("tensor", (1,), np.array([0, 1]), None),  # nobody knows whether it gives probabilities
        ("tensor", (), np.array([0, 1]), None),
        ("tensor", (3,), None, None),
        ("tensor", (3,), np.zeros((0,), int), None),
        ("tensor", (4,), None, FOLDERS),
        ("tensor", (2, 3), None, FOLDERS),
        ("multilabel", (3,), None, FOLDERS),
    ],
)
def test_no_classes(task, shape, targets, folders):
    assert by_targets(task, shape, targets, folders) is None
