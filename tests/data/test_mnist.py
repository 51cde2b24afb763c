"""MNIST and Fashion-MNIST: the IDX format, and the splits."""

import gzip
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import data
from data.mnist import read_idx
from data.original import read_original
from runtime.commands.answers import rms_of
from runtime.errors import DataError

VALID = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])
compressed = partial(
    gzip.compress, mtime=0
)  # the same bytes in every process, and so the same names of tests


def test_read_idx(tmp_path):
    path = tmp_path / "labels.gz"
    path.write_bytes(compressed(VALID))
    assert read_idx(path).tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (VALID, "not a whole gzip file"),
        (compressed(VALID)[:-9], "not a whole gzip file"),
        (compressed(VALID[:-1]), r"holds 2 bytes of data, its header promises 3"),
        (compressed(VALID + b"x"), r"holds 4 bytes of data, its header promises 3"),
        (compressed(b"\0\0\x0d\1" + VALID[4:]), "not an IDX file"),
        (compressed(VALID[:6]), "not an IDX file"),
        (compressed(b""), "not an IDX file"),
    ],
)
def test_read_idx_refuses_by_name(tmp_path, content, words):
    path = tmp_path / "labels.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"labels\.gz: {words}"):
        read_idx(path)


def test_the_last_training_images_are_the_validation_split(small_mnist):
    dataset = data.load("mnist", small_mnist)
    assert [len(split) for split in (dataset.train, dataset.validation, dataset.test)] == [10, 5000, 10]
    everything = read_idx(small_mnist / "mnist" / "train-images-idx3-ubyte.gz")
    np.testing.assert_array_equal(dataset.validation.inputs["image"][..., 0], everything[10:])
    assert dataset.train.inputs["image"].dtype == np.uint8
    assert dataset.train.inputs["image"].shape == (10, 28, 28, 1)
    assert dataset.train.targets["probabilities"].dtype == np.int64


def test_images_to_be_rebuilt_are_their_own_targets(small_mnist):
    dataset = data.load("mnist-rebuilt", small_mnist)
    images, targets = dataset.test.inputs["image"], dataset.test.targets
    assert list(targets) == ["rebuilt"] and targets["rebuilt"].dtype == np.float32
    np.testing.assert_allclose(targets["rebuilt"] * 255, images, rtol=1e-6)
    assert [(output.name, output.task) for output in dataset.outputs] == [
        ("rebuilt", "reconstruction"),
        ("anomaly", "regression"),
    ]


def test_a_device_finds_the_error_that_the_autoencoder_gives_itself():
    original = read_original(Path(__file__).parents[2] / "artifacts" / "mnist-autoencoder")
    (taken,), (rebuilt, _) = original.record.inputs, original.record.outputs
    inputs, outputs = original.golden()
    for image, row, error in zip(inputs["image"], outputs["rebuilt"], outputs["anomaly"], strict=True):
        assert rms_of(row, image, taken, rebuilt) ** 2 == pytest.approx(error[0], rel=1e-5)
        assert rms_of(row, image, taken, rebuilt._replace(scale=(1 / 127.5,))) ** 2 > 1.1 * error[0]


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_the_originals(real_data, name):
    dataset = data.load(name, real_data)
    assert [len(split) for split in (dataset.train, dataset.validation, dataset.test)] == [
        55_000,
        5_000,
        10_000,
    ]
    assert np.bincount(dataset.test.targets["probabilities"]).tolist() == (
        [1000] * 10 if name == "fashion-mnist" else [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    )
    assert len(dataset.outputs[0].labels) == 10
