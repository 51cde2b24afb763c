"""CIFAR-10 as JPEGs: what is read of the zip, in which order, and what is refused."""

import hashlib
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

import data
from data import cifar
from runtime.errors import DataError


def jpeg(shade: int, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> bytes:
    """A picture of one shade of grey."""
    buffer = io.BytesIO()
    Image.new(mode, size, (shade,) * 3 if mode == "RGB" else shade).save(buffer, "jpeg")
    return buffer.getvalue()


def write_zip(path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


@pytest.fixture
def small_cifar(nowhere, monkeypatch):
    """A data folder with 4 training images and 1 test image of each class, 10 of them for validation."""
    path = nowhere / "datasets" / "cifar-10-images" / cifar.FILE
    shades = enumerate(
        f"{folder}/{label}/{number:04}.jpg"
        for folder, count in (("train", 4), ("test", 1))
        for label in reversed(cifar.LABELS)
        for number in range(count)
    )
    write_zip(path, {name: jpeg(5 * shade) for shade, name in shades})
    monkeypatch.setitem(cifar.SHA256, cifar.FILE, hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(cifar, "VALIDATION", 10)
    return nowhere / "datasets"


def test_classes_take_turns_and_the_last_training_images_are_the_validation_split(small_cifar):
    dataset = data.load("cifar-10-images", small_cifar)
    splits = (dataset.train, dataset.validation, dataset.test)
    assert [split.inputs["image"].shape for split in splits] == [
        (30, 32, 32, 3),
        (10, 32, 32, 3),
        (10, 32, 32, 3),
    ]
    assert all(
        split.targets["probabilities"].tolist() == list(range(10)) * (len(split) // 10) for split in splits
    )
    assert all(
        (split.inputs["image"].dtype, split.targets["probabilities"].dtype) == (np.uint8, np.int64)
        for split in splits
    )
    # The trucks were written first: 0 to 3 of them, then those of ships …
    shades = [np.rint(split.inputs["image"].mean(axis=(1, 2, 3)) / 5).astype(int) for split in splits]
    assert shades[0].tolist() == [4 * (9 - label) + number for number in range(3) for label in range(10)]
    assert shades[1].tolist() == [4 * (9 - label) + 3 for label in range(10)]
    assert shades[2].tolist() == [40 + 9 - label for label in range(10)]
    (taken,), (given,) = dataset.inputs, dataset.outputs
    assert given.labels == tuple(sorted(cifar.LABELS)) and taken.shape == (32, 32, 3)


def test_the_test_split_alone_is_the_same(small_cifar):
    alone, test = (
        data.load_test("cifar-10-images", small_cifar),
        data.load("cifar-10-images", small_cifar).test,
    )
    np.testing.assert_array_equal(alone.inputs["image"], test.inputs["image"])
    np.testing.assert_array_equal(alone.targets["probabilities"], test.targets["probabilities"])


def test_the_training_images_are_not_decoded_for_it(small_cifar, monkeypatch):
    asked = []
    monkeypatch.setattr(cifar, "_decode", lambda archive, names, folder: asked.append(folder))
    data.load_test("cifar-10-images", small_cifar)
    assert asked == ["test"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"train/cat/0000.jpg": b"no picture"}, "cannot identify image file"),
        ({"train/cat/0000.jpg": jpeg(7)[:300]}, "Truncated File Read"),
        ({"train/cat/0000.jpg": jpeg(7, size=(32, 31))}, "could not broadcast"),
        ({"train/cat/0000.jpg": jpeg(7, mode="L")}, "could not broadcast"),
        ({"train/lion/0000.jpg": jpeg(7)}, "tuple.index"),
        ({"0000.jpg": jpeg(7)}, "it has other folders than train and test"),
    ],
)
def test_another_zip_is_refused(tmp_path, files, words):
    write_zip(tmp_path / "images.zip", files)
    with pytest.raises(DataError, match=rf"images\.zip: not the CIFAR-10 images \(.*{words}"):
        cifar.read_images(tmp_path / "images.zip", ("train",))


def test_what_is_no_zip_is_refused(tmp_path):
    (tmp_path / "images.zip").write_bytes(b"no zip")
    with pytest.raises(
        DataError, match=r"not the CIFAR-10 images \(File is not a zip file\); get the original"
    ):
        cifar.read_images(tmp_path / "images.zip", ("train",))


def test_a_damaged_file_is_refused_by_name(small_cifar):
    path = small_cifar / "cifar-10-images" / cifar.FILE
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"cifar-10-images\.zip: damaged, truncated or not the original"):
        data.load("cifar-10-images", small_cifar)


def test_nowhere_says_that_there_is_no_download(nowhere):
    with pytest.raises(data.DatasetNotFound) as caught:
        data.load("cifar-10-images", nowhere)
    assert str(caught.value) == (
        f"cifar-10-images not found: tried {nowhere} (no cifar-10-images/cifar-10-images.zip); "
        f"cache {nowhere / 'cache' / 'edgeproof'} (no cifar-10-images/cifar-10-images.zip); "
        "download (this dataset has none); "
        "set EDGEPROOF_DATA (or --data-dir) to a folder that holds cifar-10-images/"
    )


def test_the_original(real_data):
    dataset = data.load("cifar-10-images", real_data)
    splits = (dataset.train, dataset.validation, dataset.test)
    assert [len(split) for split in splits] == [45_000, 5_000, 10_000]
    counts = [np.bincount(split.targets["probabilities"]).tolist() for split in splits]
    assert counts == [[4500] * 10, [500] * 10, [1000] * 10]
