"""What is written beside a model, and that it appears whole or not at all."""

import hashlib
import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

import data
from data.original import read_original
from runtime.bundle.manifest import OutputRecord
from runtime.errors import EdgeProofError
from tests.train.tensorflow_test_models import texts
from train.fit import Run, fit
from train.pictures import pictures
from train.recipe import Recipe
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


def none(*_) -> dict[str, bytes]:
    """Draws no picture."""
    return {}


def _arguments(trained, dataset):
    recipe, result = trained
    return recipe, dataset, result, 1


def test_the_record_names_every_file_and_is_true(folder, few_digits):
    training = json.loads((folder / "training.json").read_text())
    assert set(training["sha256"]) == {"model.keras", "reference.npz", "golden.npz"}
    for name, digest in training["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    model = keras.models.load_model(folder / "model.keras", safe_mode=True, compile=False)
    outputs = model.predict(few_digits.test.inputs["image"].astype(np.float32), verbose=0)
    original = read_original(folder)
    reference = original.reference()["probabilities"]
    assert reference.dtype == np.float32
    np.testing.assert_allclose(reference, outputs, atol=1e-6)
    right = outputs.argmax(1) == few_digits.test.targets["probabilities"]
    assert training["metrics"] == {
        "probabilities": {"name": "accuracy", "value": right.mean(), "split": "test"}
    }
    assert training["parameters"] == model.count_params()
    assert training["dataset"]["sha256"] == few_digits.sha256
    assert (original.record.inputs, original.record.outputs) == (few_digits.inputs, few_digits.outputs)
    assert original.test_data() is original.calibration() is None
    assert training["backend"] in training["versions"]
    assert len(training["history"]["val_loss"]) == 2


def test_golden_samples(folder, few_digits):
    model = keras.models.load_model(folder / "model.keras", compile=False)
    inputs, outputs = read_original(folder).golden()
    images = inputs["image"]
    assert images.dtype == np.uint8
    assert images.shape == (32, 8, 8, 1)
    found = model.predict(images.astype(np.float32), verbose=0)
    np.testing.assert_allclose(found, outputs["probabilities"], atol=1e-6)


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
    drawn = pictures("diabetes-mlp", model, {"loss": [2.0, 1.0]}, dataset, dataset.test.targets)
    assert set(drawn) == {"learning-curves.png", "predicted.png", "model.png"}


def test_pictures_of_images_rebuilt(few_digits):
    images = few_digits.test.inputs["image"]
    targets = {"rebuilt": images.astype(np.float32) / 16}
    output = OutputRecord("rebuilt", (8, 8, 1), "reconstruction", input="image")
    dataset = replace(few_digits, outputs=(output,), test=data.Split({"image": images}, targets))
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 1)(inputs))
    drawn = pictures("digits", model, {"loss": [2.0, 1.0]}, dataset, targets)
    assert set(drawn) == {"learning-curves.png", "rebuilt.png", "model.png"}


def test_a_stream_keeps_its_samples_beside_it(tmp_path):
    sequences = data.load("digits-rows")
    recipe = replace(find("streaming-gru"), epochs=1)
    saved = save(recipe, sequences, fit(recipe, sequences, Run(1, tmp_path / "s")), 1, tmp_path / "m", none)
    original = read_original(saved.folder)
    assert {name: values.shape for name, values in original.calibration().items()} == {
        "step": (512, 8), "state": (512, 24),
    }  # fmt: skip
    test = original.test_data()
    assert len(test) == 360 and list(test.targets) == ["probabilities"]
    assert original.record.dataset.name == "digits-rows" and original.record.dataset.train == 1149
    right = original.reference()["probabilities"].argmax(1) == test.targets["probabilities"]
    assert original.record.metrics["probabilities"].value == right.mean()


def test_the_words_of_texts_lie_beside_the_model(tmp_path):
    dataset = texts()
    recipe = Recipe(
        "texts",
        "texts",
        "mlp",
        0.5,
        embedding=4,
        hidden=(3,),
        loss="binary_crossentropy",
        epochs=1,
        batch_size=8,
    )
    fitted = fit(recipe, dataset, Run(1, tmp_path / "s"))
    original = save(recipe, dataset, fitted, 1, tmp_path / "texts", none)
    assert (original.folder / "vocabulary.txt").read_bytes() == dataset.vocabularies["vocabulary.txt"]
    assert "vocabulary.txt" in read_original(original.folder).record.sha256
    inputs, _ = original.golden()
    assert inputs["text"].dtype == np.int32 and inputs["text"].max() <= 9


def test_nothing_is_left_half_written(trained, few_digits, tmp_path, monkeypatch):
    (tmp_path / "training.json").write_text("the old one")

    def full(_path, _content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("data.original.write_file", full)
    with pytest.raises(EdgeProofError, match=r"cannot write .*: No space left on device"):
        save(*_arguments(trained, few_digits), tmp_path, none)
    assert [path.name for path in tmp_path.iterdir()] == ["training.json"]
    assert (tmp_path / "training.json").read_text() == "the old one"
