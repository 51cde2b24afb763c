"""The committed models: every record is true, and every figure is reached, computed again from the outputs."""

import hashlib
import json
import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import data
from data import golden
from data.original import read_original
from runtime.measure.metric import metric
from train.recipe import Recipe
from train.recipes import RECIPES

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
COMMITTED = sorted(
    path.parent.name for path in ARTIFACTS.glob("*/training.json") if path.parent.name in RECIPES
)
load = cache(data.load)  # each dataset is read once for all models of it
FROM_SCIKIT_LEARN = ("digits", "digits-rows", "diabetes")


@pytest.fixture(params=COMMITTED)
def committed(request):
    folder = ARTIFACTS / request.param
    return folder, json.loads((folder / "training.json").read_text())


def dataset_of(training: dict) -> data.Dataset:
    name = training["dataset"]["name"]
    folder = os.environ.get("EDGEPROOF_DATA")
    if name not in FROM_SCIKIT_LEARN and not (folder and Path(folder).is_dir()):
        pytest.skip(f"EDGEPROOF_DATA names no folder: {name} is not there to compute the figure again")
    return load(name, folder)


def test_every_row_of_the_table_is_there():
    assert set(COMMITTED) == set(RECIPES)


def test_the_record_names_these_files(committed):
    folder, training = committed
    for name, digest in training["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name


def test_the_figure_is_reached(committed):
    folder, training = committed
    dataset = dataset_of(training)
    assert training["dataset"]["sha256"] == dataset.sha256
    original = read_original(folder)
    test, reference = original.test_data() or dataset.test, original.reference()
    outputs = {output.name: output for output in original.record.outputs}
    assert set(training["metrics"]) == set(test.targets)
    for name, recorded in training["metrics"].items():
        found = metric(outputs[name], reference[name], test.targets[name])
        assert found == pytest.approx(recorded["value"], abs=1e-9)
    first = next(iter(training["metrics"].values()))
    goal, value = RECIPES[training["model"]].goal, first["value"]
    assert value >= goal if first["name"] == "accuracy" else value <= goal


def test_the_recorded_recipe_is_the_one_of_the_table(committed):
    from dataclasses import MISSING, asdict, fields

    _, training = committed
    # A choice that came later has its default in an older record.
    later = {field.name: field.default for field in fields(Recipe) if field.default is not MISSING}
    recorded = later | training["recipe"]
    assert json.loads(json.dumps(recorded)) == json.loads(json.dumps(asdict(RECIPES[training["model"]])))


def test_golden_samples_are_small_and_cover_everything(committed):
    folder, _ = committed
    assert (folder / "golden.npz").stat().st_size <= 40 * 1024
    original = read_original(folder)
    inputs, outputs = original.golden()
    count = len(next(iter(inputs.values())))
    assert golden.count(original.record.inputs, original.record.outputs) <= count <= golden.MOST
    for taken in original.record.inputs:
        assert inputs[taken.name].shape == (count, *taken.shape)
        assert inputs[taken.name].dtype == (np.uint8 if taken.kind == "image" else taken.tensor.dtype)
    for output in original.record.outputs:
        assert outputs[output.name].shape == (count, *output.shape)
        if output.task == "classification":
            assert set(outputs[output.name].argmax(axis=1)) == set(range(len(output.labels)))


def test_golden_samples_hold_no_row_of_the_dataset(committed):
    folder, training = committed
    dataset = dataset_of(training)
    inputs, _ = read_original(folder).golden()
    for name, values in inputs.items():
        samples = {row.tobytes() for row in values}
        for split in (dataset.train, dataset.validation, dataset.test):
            rows = split.inputs.get(name, ())  # the state of a stream is no part of its dataset
            assert not samples & {np.ascontiguousarray(row).tobytes() for row in rows}


def test_no_row_of_a_downloaded_dataset_is_committed(committed):
    _, training = committed
    kept = "samples.npz" in training["sha256"]
    assert kept == RECIPES[training["model"]].streamed
    assert not kept or training["dataset"]["sha256"] == data.load("digits").sha256


def test_diabetes_is_no_worse_than_ridge_regression():
    dataset = data.load("diabetes")
    (output,) = dataset.outputs
    targets = dataset.test.targets["value"]
    ours = metric(output, read_original(ARTIFACTS / "diabetes-mlp").reference()["value"], targets)
    for penalty in (0.1, 1, 10, 30):
        ridge = make_pipeline(StandardScaler(), Ridge(alpha=penalty))
        ridge.fit(dataset.train.inputs["rows"], dataset.train.targets["value"][:, 0])
        predicted = ridge.predict(dataset.test.inputs["rows"]).astype(np.float32)[:, None]
        assert ours <= metric(output, predicted, targets)
