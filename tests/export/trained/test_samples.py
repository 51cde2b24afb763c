"""Calibration and test data: what the user gave, else the dataset's, else why there are none."""

from dataclasses import replace

import numpy as np
import pytest

import data
from data.original import write_original
from data.trained_model import DatasetRecord
from export.trained.samples import load_calibration, load_test_data, why_no_test_data
from tests.data.test_trained_model import REGRESSOR

ROWS = {"rows": np.float32([[1, 2], [3, 4]])}
VALUES = {"value": np.float32([[5], [6]])}


def original(folder, record=REGRESSOR, **samples):
    return write_original(folder / "own", record, {"model.keras": b""}, (ROWS, VALUES), **samples)


def test_what_the_user_gave_comes_first(tmp_path):
    found = original(tmp_path, calibration=ROWS, test_data=data.Split(ROWS, VALUES), reference=VALUES)
    np.testing.assert_array_equal(load_calibration(found, None)["rows"], ROWS["rows"])
    np.testing.assert_array_equal(load_test_data(found, None).targets["value"], VALUES["value"])
    assert why_no_test_data(found, None) is None


def test_a_dataset_gives_its_training_and_its_test_split(tmp_path):
    record = replace(REGRESSOR, dataset=DatasetRecord("diabetes", {}, 282, 71, 89), recipe={})
    found = original(tmp_path, record)
    diabetes = data.load("diabetes")
    np.testing.assert_array_equal(load_calibration(found, None)["rows"], diabetes.train.inputs["rows"])
    np.testing.assert_array_equal(load_test_data(found, None).inputs["rows"], diabetes.test.inputs["rows"])


def test_what_was_not_given_is_named_with_its_option(tmp_path):
    found = original(tmp_path)
    with pytest.raises(
        data.DatasetNotFound, match=r"no calibration data were given with own \(--calibration DATA\)"
    ):
        load_calibration(found, None)
    assert why_no_test_data(found, None) == "no test data were given with own (--test DATA)"
    # One is not taken for the other.
    only_test = original(tmp_path / "t", test_data=data.Split(ROWS, {}), reference=VALUES)
    with pytest.raises(data.DatasetNotFound, match="no calibration data"):
        load_calibration(only_test, None)
    only_calibration = original(tmp_path / "c", calibration=ROWS)
    assert "no test data" in why_no_test_data(only_calibration, None)
