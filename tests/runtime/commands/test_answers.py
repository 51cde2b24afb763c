"""What `predict` prints: every task, in one place and in many, as a line and as JSON."""

import json

import numpy as np
import pytest

from runtime.bundle.manifest import OutputRecord
from runtime.commands.answers import Answer, as_json, in_words, rms_of
from tests.runtime.commands.records import (
    IMAGE,
    MOOD,
    NUMBERS,
    PRICE,
    REBUILT,
    SEQUENCE,
    SHAPES,
    SIZE,
    TABLE,
    TAGS,
    TEXT,
    WALK,
)

STEPS = [[0.1, 0.7, 0.2], [0.1, 0.7, 0.2], [0.8, 0.1, 0.1], [0, 1, 0]]


@pytest.mark.parametrize(
    ("record", "row", "line"),
    [
        (SHAPES, [0.2, 0.1, 0.7], "star 70.00%, circle 20.00%"),
        (SHAPES, [-2.5, 7.25, 0], "square 7.25, star 0"),  # logits are no probabilities
        (SHAPES, [0.5, 0.5, 0], "circle 50.00%, square 50.00%"),
        (SHAPES._replace(shape=(1, 3)), [[0.2, 0.1, 0.7]], "star 70.00%, circle 20.00%"),
        (MOOD, [0.931], "good 93.10%"),
        (MOOD, [0.069], "bad 93.10%"),
        (MOOD, [0.5], "good 50.00%"),
        (TAGS, [0.9, 0.2, 0.5], "red 90.00%, small 50.00%"),
        (TAGS, [0.9, 0.8, 0.7], "red 90.00%, round 80.00%, small 70.00%"),  # all of them, whatever --top says
        (TAGS, [0.1, 0.2, 0.3], "none; the nearest is small 30.00%"),
        (PRICE, [4.5261], "4.5261 (USD)"),
        (PRICE._replace(units=None), [4.5261], "4.5261"),
        (PRICE._replace(shape=(2,), units=("m", "m")), [1, 2.5], "1 2.5 (m)"),
        (PRICE._replace(shape=(2,), units=("m", None)), [1, 2.5], "1 (m), 2.5"),
        (PRICE._replace(shape=(10,), units=None), range(10), "[10] 0 1 2 3 4 5 6 7 …"),
        (SIZE, [1, 2.5], "length 1 (m), mass 2.5"),
        (NUMBERS, np.arange(10).reshape(2, 5), "[2, 5] 0 1 2 3 4 5 6 7 …"),
        (NUMBERS._replace(shape=()), 2.5, "[] 2.5"),
        (REBUILT, np.ones((4, 2)), "0.5 (root mean square) from speech, [4, 2] 1 1 1 1 1 1 1 1"),
        (WALK, STEPS, "[4] walk 75.00%, sit 25.00%"),
        (WALK._replace(task="multilabel"), STEPS, "[4] walk 75.00%, sit 25.00%"),
        (WALK._replace(task="multilabel"), np.zeros((4, 3)), "[4] none of the labels"),
        (MOOD._replace(shape=(2, 2, 1)), [[[0.1], [0.9]], [[0.8], [0.7]]], "[2, 2] good 75.00%, bad 25.00%"),
    ],
)
def test_a_line_says_what_the_task_means(record, row, line):
    rms = 0.5 if record.task == "reconstruction" else None
    assert in_words(Answer(record, np.asarray(row, np.float32), rms), top=2) == line


def test_whole_numbers_are_printed_whole():
    record = NUMBERS._replace(shape=(2,), dtype="int64")
    assert in_words(Answer(record, np.array([12345678901, 2])), 3) == "[2] 12345678901 2"
    assert in_words(Answer(record._replace(dtype="bool"), np.array([True, False])), 3) == "[2] True False"


def test_a_reconstruction_of_unknown_scale_tells_its_shape():
    assert in_words(Answer(REBUILT, np.zeros((4, 2), np.float32)), 3) == "[4, 2] 0 0 0 0 0 0 0 0"


def test_many_named_values_end_in_how_many_more_there_are():
    record = OutputRecord("hours", (24,), "regression", columns=tuple(f"h{hour}" for hour in range(24)))
    line = in_words(Answer(record, np.arange(24, dtype=np.float32)), 3)
    assert line.startswith("h0 0, h1 1, ") and line.endswith("h19 19, 4 more")


@pytest.mark.parametrize(
    ("record", "row", "found"),
    [
        (
            SHAPES, [0, 0.25, 0.75],
            {"labels": [{"label": "star", "probability": 0.75}, {"label": "square", "probability": 0.25}]},
        ),
        (SHAPES, [0, 2, 4], {"labels": [{"label": "star", "score": 4}, {"label": "square", "score": 2}]}),
        (
            MOOD, [0.75],
            {"labels": [{"label": "good", "probability": 0.75}, {"label": "bad", "probability": 0.25}]},
        ),
        (
            MOOD, [0.5],
            {"labels": [{"label": "good", "probability": 0.5}, {"label": "bad", "probability": 0.5}]},
        ),
        (
            TAGS, [0.75, 0, 0.25],
            {
                "labels": [{"label": "red", "probability": 0.75}],
                "top": [{"label": "red", "probability": 0.75}, {"label": "small", "probability": 0.25}],
            },
        ),
        (PRICE, [4.5], {"values": [4.5], "columns": None, "unit": "USD", "units": ["USD"]}),
        (SIZE, [1, 2], {"values": [1, 2], "columns": ["length", "mass"], "unit": None, "units": ["m", None]}),
        (NUMBERS, np.ones((2, 5)), {"shape": [2, 5], "values": [[1] * 5] * 2}),
        (REBUILT, np.ones((4, 2)), {"shape": [4, 2], "values": [[1, 1]] * 4, "rms": 0.5}),
        (
            WALK, STEPS,
            {
                "shape": [4],
                "frequent": [{"label": "walk", "share": 0.75}, {"label": "sit", "share": 0.25}],
                "classes": [1, 1, 0, 1],
            },
        ),
    ],
)  # fmt: skip
def test_json_says_everything(record, row, found):
    rms = 0.5 if record.task == "reconstruction" else None
    made = as_json(Answer(record, np.asarray(row, np.float32), rms), top=2)
    assert made == found
    json.dumps(made)


def test_the_distance_of_a_reconstruction_is_in_the_scale_of_its_input():
    row, given = np.zeros((4, 2), np.float32), np.full((4, 2), 3)
    assert rms_of(row, given, SEQUENCE, REBUILT) == 3
    assert rms_of(np.ones(3, np.float32), [1, 1, 4], TABLE, REBUILT) == pytest.approx(np.sqrt(3))
    assert rms_of(row, given, IMAGE, REBUILT) is None
    assert rms_of(row, "a text", TEXT, REBUILT) is None


def test_the_distance_of_an_image_rebuilt_is_in_the_scale_of_the_model():
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20
    image, record = IMAGE._replace(shape=(2, 2, 3)), REBUILT._replace(shape=(2, 2, 3), input="image")
    means, spreads = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    for scale, offset, seen in (
        ((1 / 255,), (0.0,), pixels / 255),
        ((1 / 127.5,), (-1.0,), pixels / 127.5 - 1),
        (tuple(1 / 255 / spreads), tuple(-means / spreads), (pixels / 255 - means) / spreads),
    ):
        known = record._replace(scale=scale, offset=offset)
        row = (seen + 0.25).astype(np.float32)
        assert rms_of(row, pixels, image, known) == pytest.approx(0.25, abs=1e-6)
        # The scale counts: with another one it is another distance.
        assert rms_of(row, pixels, image, known._replace(scale=(1.0,))) > 50
        assert rms_of(row, pixels, image, known._replace(offset=(1.0,))) != pytest.approx(0.25, abs=0.1)
