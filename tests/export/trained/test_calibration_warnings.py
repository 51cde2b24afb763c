"""Calibration data that look wrong are said in one line with numbers; sound ones are not."""

import numpy as np
import pytest

from data.dataset import Split, image_input, table_input
from export.trained.calibration_warnings import warning
from export.trained.first_layers import FirstLayers
from runtime.bundle.manifest import OutputRecord

CLASSES = OutputRecord("kind", (2,), "classification", labels=("ant", "bee"))
ROWS, IMAGE = table_input(["a", "b"]), image_input((4, 4, 1), 255)


class Normalization:
    """As Keras' layer of this name."""

    mean, variance = np.array([[100.0, 0.0]]), np.array([[25.0, 1.0]])


NOTHING = FirstLayers()
NORMALISED = FirstLayers((Normalization(),))


def said(record, values, targets=None, first=NOTHING):
    split = Split({record.name: values}, {} if targets is None else {"kind": targets})
    return warning(split, [record], [CLASSES], {record.name: first})


def rows(count=80, mean=(100.0, 0.0), deviation=(5.0, 1.0)):
    return (np.random.default_rng(0).normal(size=(count, 2)) * deviation + mean).astype(np.float32)


PIXELS = np.random.default_rng(0).integers(0, 256, (80, 4, 4, 1), dtype=np.uint8)


def test_sound_data_are_not_warned_of():
    assert said(ROWS, rows(), np.arange(80) % 2, NORMALISED) is None
    assert said(ROWS, rows() * 1e6) is None  # nothing is known of the range
    assert said(IMAGE, PIXELS) is None


@pytest.mark.parametrize(
    ("record", "values", "targets", "words"),
    [
        (ROWS, rows(12), None, "there are 12 samples, and 50 are few"),
        (ROWS, np.full((80, 2), 3.0), None, "rows is 3 everywhere"),
        (ROWS, np.tile([1.0, 2.0], (80, 1)), None, "rows is the same in all 80 samples"),
        (
            IMAGE,
            (PIXELS > 99).astype(np.uint8),
            None,
            "image has pixels from 0 to 1, which look scaled already; give raw pixels from 0 to 255",
        ),
        (ROWS, rows(), np.ones(80, int), "all 80 samples are of the class bee"),
    ],
)
def test_what_looks_wrong_is_said(record, values, targets, words):
    assert said(record, values, targets) == f"the calibration data look wrong: {words}"


@pytest.mark.parametrize(
    ("mean", "deviation"),
    [((0.0, 0.0), (1.0, 1.0)), ((100.0, 0.0), (500.0, 100.0)), ((1e4, 50.0), (5.0, 1.0))],
)
def test_a_range_far_from_the_first_layers_is_said_with_both(mean, deviation):
    line = said(ROWS, rows(80, mean, deviation), None, NORMALISED)
    assert line.startswith("the calibration data look wrong: rows goes from ")
    assert "and the model was trained on about -1 to 105: in its standard deviations the middle is at" in line


def test_everything_is_one_line():
    line = said(IMAGE, np.zeros((3, 4, 4, 1), np.uint8), np.zeros(3, int))
    assert line == (
        "the calibration data look wrong: there are 3 samples, and 50 are few; image is 0 everywhere; all 3 samples "
        "are of the class ant"
    )
