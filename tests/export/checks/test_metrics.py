"""The export's metrics, which scikit-learn computes, are those of a device."""

import warnings

import numpy as np
import pytest

from export.checks.metrics import metric
from runtime.bundle.manifest import OutputRecord
from runtime.errors import BundleError, InputError
from runtime.measure import metric as on_a_device

LABELS = tuple("abcde")
CLASSES = OutputRecord("classes", (5,), "classification", labels=LABELS)
STEPS = OutputRecord("tags", (4, 5), "classification", labels=LABELS)
BINARY = OutputRecord("yes", (1,), "binary", labels=("no", "yes"))
MANY = OutputRecord("labels", (5,), "multilabel", labels=LABELS)
VALUES = OutputRecord("values", (2, 3), "regression")
REBUILT = OutputRecord("rebuilt", (3, 3, 1), "reconstruction")


@pytest.fixture
def random():
    return np.random.default_rng(5)


def _targets(record, random, count):
    if record.task in ("classification", "binary"):
        return random.integers(0, len(record.labels), (count, *record.shape[:-1]))
    if record.task == "multilabel":
        return random.integers(0, 2, (count, *record.shape))
    return random.normal(size=(count, *record.shape)).astype(np.float32)


@pytest.mark.parametrize("record", [CLASSES, STEPS, BINARY, MANY, VALUES, REBUILT], ids=lambda one: one.name)
def test_desk_and_device_have_the_same_metric(record, random):
    outputs = random.random((200, *record.shape)).astype(np.float32)
    targets = _targets(record, random, 200)
    assert metric(record, outputs, targets) == pytest.approx(
        on_a_device.metric(record, outputs, targets), rel=1e-12
    )


def test_the_metrics_are_those_of_the_definition():
    outputs = np.float32([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.7, 0.3]])
    record = OutputRecord("classes", (2,), "classification", labels=("a", "b"))
    assert metric(record, outputs, [0, 1, 0, 0]) == 0.75
    assert metric(record, outputs, np.eye(2)[[0, 1, 0, 0]]) == 0.75
    # Of 4 yes that were given 2 are right, and 2 of 3 that were wanted were given.
    labels = OutputRecord("labels", (2,), "multilabel", labels=("a", "b"))
    assert metric(labels, outputs, [[1, 0], [0, 0], [1, 1], [0, 0]]) == pytest.approx(4 / 7)
    value = OutputRecord("value", (1,), "regression")
    assert metric(value, np.float32([[1], [2]]), [1.0, 5.0]) == pytest.approx(4.5**0.5)


def test_f1_of_nothing_given_and_nothing_wanted_is_0():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metric(MANY, np.zeros((4, 5), np.float32), np.zeros((4, 5))) == 0


def test_few_samples_of_many_classes_are_no_warning(random):
    record = OutputRecord("classes", (1000,), "classification", labels=tuple(map(str, range(1000))))
    outputs, targets = random.random((50, 1000)).astype(np.float32), random.integers(0, 1000, 50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric(record, outputs, targets)


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="expected"):
        metric(CLASSES, np.zeros((3, 5), np.float32), [0, 1])
    with pytest.raises(BundleError, match="the metric 'None' is unknown"):
        metric(OutputRecord("x", (1,), "tensor"), np.zeros((2, 1), np.float32), np.zeros((2, 1)))
