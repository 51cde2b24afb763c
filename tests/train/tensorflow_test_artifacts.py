"""The committed models: every record is true, and every figure is reached, computed again from the outputs."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import data
from runtime.measure.metric import metric
from train.recipe import Recipe
from train.recipes import RECIPES

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
COMMITTED = sorted(
    path.parent.name for path in ARTIFACTS.glob("*/training.json") if path.parent.name in RECIPES
)
FROM_SCIKIT_LEARN = ("digits", "diabetes")


@pytest.fixture(params=COMMITTED)
def committed(request):
    folder = ARTIFACTS / request.param
    return folder, json.loads((folder / "training.json").read_text())


def dataset_of(training: dict) -> data.Dataset:
    name = training["dataset"]["name"]
    folder = os.environ.get("EDGEPROOF_DATA")
    if name not in FROM_SCIKIT_LEARN and not (folder and Path(folder).is_dir()):
        pytest.skip(f"EDGEPROOF_DATA names no folder: {name} is not there to compute the figure again")
    return data.load(name, folder)


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
    with np.load(folder / "reference.npz") as reference:
        found = metric(dataset.task, reference["outputs"], dataset.test.targets)
    assert found == pytest.approx(training["metric"]["value"], abs=1e-9)
    goal, value = RECIPES[training["model"]].goal, training["metric"]["value"]
    assert value >= goal if training["metric"]["name"] == "accuracy" else value <= goal


def test_the_recorded_recipe_is_the_one_of_the_table(committed):
    from dataclasses import MISSING, asdict, fields

    _, training = committed
    # A choice that came later has its default in an older record.
    later = {field.name: field.default for field in fields(Recipe) if field.default is not MISSING}
    recorded = later | training["recipe"]
    assert json.loads(json.dumps(recorded)) == json.loads(json.dumps(asdict(RECIPES[training["model"]])))


def test_golden_samples_are_small_and_cover_everything(committed):
    folder, training = committed
    assert (folder / "golden.npz").stat().st_size <= 40 * 1024
    with np.load(folder / "golden.npz") as golden:
        inputs, outputs = golden["inputs"], golden["outputs"]
    assert inputs.shape == (32, *training["input"]["shape"])
    assert inputs.dtype == (np.uint8 if training["input"]["kind"] == "image" else np.float32)
    assert outputs.shape == (32, *training["output"]["shape"])
    if training["task"] == "classification":
        assert set(outputs.argmax(axis=1)) == set(range(len(training["labels"])))


def test_golden_samples_hold_no_row_of_the_dataset(committed):
    folder, training = committed
    dataset = dataset_of(training)
    with np.load(folder / "golden.npz") as golden:
        samples = {row.tobytes() for row in golden["inputs"]}
    for split in (dataset.train, dataset.validation, dataset.test):
        assert not samples & {np.ascontiguousarray(row).tobytes() for row in split.inputs}


def test_diabetes_is_no_worse_than_ridge_regression():
    dataset = data.load("diabetes")
    with np.load(ARTIFACTS / "diabetes-mlp" / "reference.npz") as reference:
        ours = metric(dataset.task, reference["outputs"], dataset.test.targets)
    for penalty in (0.1, 1, 10, 30):
        ridge = make_pipeline(StandardScaler(), Ridge(alpha=penalty))
        ridge.fit(dataset.train.inputs, dataset.train.targets)
        predicted = ridge.predict(dataset.test.inputs).astype(np.float32)[:, None]
        assert ours <= metric(dataset.task, predicted, dataset.test.targets)
