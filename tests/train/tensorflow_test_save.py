"""What is written beside a model, and that it appears whole or not at all."""

import hashlib
import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

import data
from data.original import read_record
from runtime.errors import EdgeProofError
from train.fit import Run, fit
from train.pictures import pictures
from train.recipes import find
from train.save import save


@pytest.fixture(scope="module")
def trained(few_digits, tmp_path_factory):
    recipe = replace(find("digits-cnn"), epochs=2)
    return recipe, fit(recipe, few_digits, Run(seed=1, state=tmp_path_factory.mktemp("state")))


@pytest.fixture(scope="module")
def folder(trained, few_digits, tmp_path_factory):
    where = tmp_path_factory.mktemp("artifacts") / "digits-cnn"
    save(*_arguments(trained, few_digits), where, pictures)
    return where


def _arguments(trained, dataset):
    recipe, result = trained
    return recipe, dataset, result, 1


def test_the_record_names_every_file_and_is_true(folder, few_digits):
    training = json.loads((folder / "training.json").read_text())
    assert set(training["sha256"]) == {"model.keras", "reference.npz", "golden.npz"}
    for name, digest in training["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    model = keras.models.load_model(folder / "model.keras", safe_mode=True, compile=False)
    outputs = model.predict(few_digits.test.inputs.astype(np.float32), verbose=0)
    with np.load(folder / "reference.npz") as reference:
        assert reference["outputs"].dtype == np.float32
        np.testing.assert_allclose(reference["outputs"], outputs, atol=1e-6)
    assert training["metric"]["value"] == (outputs.argmax(1) == few_digits.test.targets).mean()
    assert training["metric"]["name"] == "accuracy"
    assert training["parameters"] == model.count_params()
    assert training["dataset"]["sha256"] == few_digits.sha256
    assert training["output"] == {"name": "probabilities", "shape": [10]}
    assert read_record(folder).input == few_digits.input
    assert training["backend"] in training["versions"]
    assert len(training["history"]["val_loss"]) == 2


def test_golden_samples(folder, few_digits):
    model = keras.models.load_model(folder / "model.keras", compile=False)
    with np.load(folder / "golden.npz") as golden:
        inputs, outputs = golden["inputs"], golden["outputs"]
    assert inputs.dtype == np.uint8
    assert inputs.shape == (32, 8, 8, 1)
    np.testing.assert_allclose(model.predict(inputs.astype(np.float32), verbose=0), outputs, atol=1e-6)


def test_pictures_are_pictures(folder):
    names = {"learning-curves.png", "confusion-matrix.png", "samples.png", "model.png"}
    assert {path.name for path in folder.glob("*.png")} == names
    for name in names:
        image = np.asarray(Image.open(folder / name).convert("L"))
        assert min(image.shape) > 150
        assert image.std() > 5  # not an empty page


def test_pictures_of_a_regression():
    dataset = data.load("diabetes")
    inputs = keras.Input((10,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    drawn = pictures("diabetes-mlp", model, {"loss": [2.0, 1.0]}, dataset, dataset.test.targets[:, None])
    assert set(drawn) == {"learning-curves.png", "predicted.png", "model.png"}


def test_nothing_is_left_half_written(trained, few_digits, tmp_path, monkeypatch):
    (tmp_path / "training.json").write_text("the old one")

    def full(_path, _content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("data.original.write_file", full)
    with pytest.raises(EdgeProofError, match=r"cannot write .*: No space left on device"):
        save(*_arguments(trained, few_digits), tmp_path, pictures)
    assert [path.name for path in tmp_path.iterdir()] == ["training.json"]
    assert (tmp_path / "training.json").read_text() == "the old one"
