"""The datasets that need no download."""

import numpy as np
import pytest

import data


@pytest.mark.parametrize(("name", "rows"), [("digits", 1797), ("digits-rows", 1797), ("diabetes", 442)])
def test_splits_are_the_whole_and_do_not_overlap(nowhere, name, rows):
    dataset = data.load(name)
    (taken,) = dataset.inputs
    splits = (dataset.train, dataset.validation, dataset.test)
    everything = np.concatenate([split.inputs[taken.name] for split in splits])
    assert len(everything) == rows
    assert len(np.unique(everything.reshape(rows, -1), axis=0)) == rows


def test_digits():
    dataset = data.load("digits")
    assert dataset.test.inputs["image"].dtype == np.uint8
    assert dataset.test.inputs["image"].shape == (360, 8, 8, 1)
    assert dataset.train.inputs["image"].max() == dataset.inputs[0].high == 16
    assert set(dataset.test.targets["probabilities"]) == set(range(10))


def test_the_rows_of_digits_are_their_images_from_above():
    images, rows = data.load("digits"), data.load("digits-rows")
    np.testing.assert_array_equal(rows.test.inputs["rows"], images.test.inputs["image"][..., 0])
    assert rows.test.inputs["rows"].dtype == np.float32
    assert (rows.inputs[0].kind, rows.outputs) == ("sequence", images.outputs)


def test_diabetes_has_raw_columns():
    dataset = data.load("diabetes")
    assert dataset.test.inputs["rows"].dtype == dataset.test.targets["value"].dtype == np.float32
    assert dataset.test.targets["value"].shape == (89, 1)
    assert dataset.inputs[0].columns == ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
    assert (
        19 <= dataset.train.inputs["rows"][:, 0].min() < dataset.train.inputs["rows"][:, 0].max() <= 79
    )  # age in years


def test_loading_twice_gives_the_same():
    first, second = data.load("digits"), data.load("digits")
    np.testing.assert_array_equal(first.test.inputs["image"], second.test.inputs["image"])
    assert first.sha256 == second.sha256
