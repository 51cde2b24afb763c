"""The networks of keras.applications, on what they would be preprocessed by."""

import json

import keras
import numpy as np
import pytest

from data.original import read_original
from runtime.bundle.manifest import OutputRecord
from train import applications
from train.recipe import Application
from train.recipes import APPLICATIONS


@pytest.fixture(autouse=True)
def no_download(monkeypatch):
    """Weights and labels cannot be had."""

    def refuse(*_, **__):
        raise OSError("no network")

    for builder in ("MobileNetV2", "ResNet50", "VGG16"):
        build = getattr(keras.applications, builder)

        def without(*, weights, build=build, **options):
            return refuse() if weights else build(weights=None, **options)

        monkeypatch.setattr(keras.applications, builder, without)
    monkeypatch.setattr(keras.applications.imagenet_utils, "decode_predictions", refuse)


@pytest.mark.parametrize("row", APPLICATIONS.values(), ids=lambda row: row.model)
def test_pixels_are_preprocessed_as_keras_does(row):
    module = {
        "mobilenet-v2": keras.applications.mobilenet_v2,
        "resnet50": keras.applications.resnet50,
        "vgg16-features": keras.applications.vgg16,
        "vgg16": keras.applications.vgg16,
    }[row.model]
    pixels = np.random.default_rng(1).integers(0, 256, (2, 4, 4, 3)).astype(np.float32)
    found = applications._preprocessed(keras.ops.convert_to_tensor(pixels), row.preprocessing)
    np.testing.assert_allclose(found, module.preprocess_input(pixels.copy()), atol=1e-4)


def test_without_a_download_the_weights_are_random_and_the_record_says_so(tmp_path):
    record = applications.save(APPLICATIONS["mobilenet-v2"], 7, tmp_path).record
    assert record == read_original(tmp_path).record
    assert json.loads((tmp_path / "training.json").read_text())["weights"] == "seeded random: no network"
    assert record.weights == "seeded random: no network"
    assert dict(record.source.names) == {"probabilities": "mobilenetv2_1.00_224"}
    assert record.metrics == {} and len(record.outputs[0].labels) == 1000
    inputs, outputs = read_original(tmp_path).golden()
    assert inputs["image"].shape == (4, 224, 224, 3)
    (answers,) = outputs.values()
    assert answers.shape == (4, 1000)
    assert np.ptp(answers, axis=0).max() > 1e-4  # other images, other answers
    assert read_original(tmp_path).calibration()["image"].shape == (32, 224, 224, 3)


def test_a_network_without_its_top_gives_features(monkeypatch, tmp_path):
    monkeypatch.setattr(applications, "SHAPE", (32, 32, 3))
    record = applications.save(Application("features", "VGG16", "caffe", 0), 7, tmp_path).record
    assert record.outputs == (OutputRecord("features", (512,), "tensor"),)
