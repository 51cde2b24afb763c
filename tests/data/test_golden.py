"""Golden inputs: seeded, raw, like the data but none of it, and well chosen."""

import numpy as np
import pytest

import data
from data import golden

IMAGE = data.dataset.image_input((28, 28, 1), high=255)


@pytest.mark.parametrize("style", ["digits", "garments", "blobs", None])
def test_images_are_seeded_and_raw(style):
    first, second = (golden.synthesise(IMAGE, 3, 20, style) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.uint8
    assert first.shape == (20, 28, 28, 1)
    assert first.max() > 128
    assert not np.array_equal(first, golden.synthesise(IMAGE, 4, 20, style))


def test_images_keep_to_the_range_and_shape_of_the_input():
    digits = golden.synthesise(data.dataset.image_input((8, 8, 1), high=16), 0, 50, "digits")
    assert digits.max() == 16
    assert golden.synthesise(data.dataset.image_input((12, 20, 3), high=255), 0, 2).shape == (2, 12, 20, 3)


def test_rows_follow_the_statistics_and_are_no_row_of_the_dataset():
    rows = data.load("diabetes").train.inputs
    drawn = golden.synthesise(
        data.dataset.table_input([*"abcdefghij"]), 0, 2000, None, golden.table_statistics(rows)
    )
    assert drawn.dtype == np.float32
    assert (drawn.min(axis=0) >= rows.min(axis=0)).all()
    assert (drawn.max(axis=0) <= rows.max(axis=0)).all()
    np.testing.assert_allclose(np.median(drawn, axis=0), np.median(rows, axis=0), rtol=0.15)
    # s1 and s2 are close to the same quantity: independent columns would look nothing like the data
    assert np.corrcoef(drawn[:, 4], drawn[:, 5])[0, 1] > 0.7
    assert not (drawn[:, None] == rows[None]).all(axis=2).any()


def test_rows_without_statistics_are_standard_normal():
    drawn = golden.synthesise(data.dataset.table_input([*"abcd"]), 0, 4000)
    np.testing.assert_allclose(drawn.std(axis=0), 1, atol=0.05)


def test_choice_covers_every_class_and_hesitation():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (5000, 10)) + np.linspace(0, 4, 10)  # unequal classes
    outputs = (np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32)
    chosen = outputs[golden.pick(np.arange(5000), outputs)]
    assert len(chosen) == 32
    assert set(chosen.argmax(axis=1)) == set(range(10))
    ranked = np.sort(chosen, axis=1)
    margin = ranked[:, -1] - ranked[:, -2]
    assert margin.max() > 0.95
    assert golden.LEAST_MARGIN <= margin.min() < 0.3


def test_choice_never_repeats_a_sample():
    outputs = np.tile(np.array([[0.9, 0.1]], np.float32), (40, 1))
    assert len(np.unique(golden.pick(np.arange(40), outputs))) == 32


def test_choice_of_values_spans_their_range():
    outputs = np.random.default_rng(0).normal(size=(1000, 1)).astype(np.float32)
    chosen = golden.pick(outputs, outputs)
    assert len(chosen) == 32
    assert chosen.min() == outputs.min()
    assert chosen.max() == outputs.max()
