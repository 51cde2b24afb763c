"""The datasets that need no download."""

import numpy as np
import pytest

import data


@pytest.mark.parametrize(("name", "rows"), [("digits", 1797), ("diabetes", 442)])
def test_splits_are_the_whole_and_do_not_overlap(nowhere, name, rows):
    dataset = data.load(name)
    everything = np.concatenate([split.inputs for split in (dataset.train, dataset.validation, dataset.test)])
    assert len(everything) == rows
    assert len(np.unique(everything.reshape(rows, -1), axis=0)) == rows


def test_digits():
    dataset = data.load("digits")
    assert dataset.test.inputs.dtype == np.uint8
    assert dataset.test.inputs.shape == (360, 8, 8, 1)
    assert dataset.train.inputs.max() == dataset.input.high == 16
    assert set(dataset.test.targets) == set(range(10))


def test_diabetes_has_raw_columns():
    dataset = data.load("diabetes")
    assert dataset.test.inputs.dtype == dataset.test.targets.dtype == np.float32
    assert dataset.input.columns == ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    assert 19 <= dataset.train.inputs[:, 0].min() < dataset.train.inputs[:, 0].max() <= 79  # age in years


def test_loading_twice_gives_the_same():
    first, second = data.load("digits"), data.load("digits")
    np.testing.assert_array_equal(first.test.inputs, second.test.inputs)
    assert first.sha256 == second.sha256
