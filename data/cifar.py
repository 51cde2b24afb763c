"""CIFAR-10 as a zip of JPEGs, `train/<class>/NNNN.jpg` and `test/<class>/NNNN.jpg`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from data.dataset import Dataset, Split, class_output, image_input
from data.sources import NO_DOWNLOAD, locate
from runtime.errors import DataError

VALIDATION = 5_000  # the last of the training images
LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (32, 32, 3)

FILE = "cifar-10-images.zip"
SHA256 = {FILE: "0287a3668d9e0d204fc6ffa0e85a171724de09b8aec55d93153b270368489df4"}


def files(name: str, data_dir: str | Path | None = None) -> dict[str, Path]:
    """Where the dataset's files lie, by name, checked against their hashes.

    Raises:
        DatasetNotFound: it is in no folder; there is no download for it.
        DataError: its file is damaged.
    """
    return locate(name, SHA256, NO_DOWNLOAD, data_dir)


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Loads `cifar-10-images`: raw RGB, uint8 [n, 32, 32, 3]; 45,000 / 5,000 / 10,000 samples.

    The ten classes take turns in every split. The images are decoded at every call, which takes six seconds.

    Raises:
        DatasetNotFound: it is in no folder; there is no download for it.
        DataError: its file is damaged.
    """
    train, test = read_images(files(name, data_dir)[FILE], ("train", "test"))
    cut = len(train) - VALIDATION
    return Dataset(
        name=name,
        inputs=(image_input(SHAPE, high=255),),
        outputs=(class_output(LABELS),),
        sha256=dict(SHA256),
        train=_rows(train, slice(None, cut)),
        validation=_rows(train, slice(cut, None)),
        test=test,
    )


def load_test(name: str, data_dir: str | Path | None = None) -> Split:
    """The test split of `load` alone, which takes one second.

    Raises:
        DatasetNotFound: it is in no folder; there is no download for it.
        DataError: its file is damaged.
    """
    (test,) = read_images(files(name, data_dir)[FILE], ("test",))
    return test


def read_images(path: Path, folders: Sequence[str]) -> list[Split]:
    """Reads the images of some folders of the zip, each in the order of their numbers, then of their classes.

    Raises:
        DataError: the file is no zip, or holds something else than such images.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist(), key=lambda name: name.split("/")[::-1])
            if not all(name.startswith(("train/", "test/")) for name in names):
                raise ValueError("it has other folders than train and test")
            return [_decode(archive, names, folder) for folder in folders]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not the CIFAR-10 images ({error}); get the original file again") from error


def _decode(archive: zipfile.ZipFile, names: list[str], folder: str) -> Split:
    """The images of one folder, in the order of `names`; their classes are the names of the folders they lie in."""
    chosen = [name for name in names if name.startswith(f"{folder}/")]
    inputs = np.empty((len(chosen), *SHAPE), np.uint8)
    for place, name in enumerate(chosen):
        with Image.open(io.BytesIO(archive.read(name))) as image:
            inputs[place] = image
    labels = np.array([LABELS.index(name.split("/")[1]) for name in chosen], np.int64)
    return Split({"image": inputs}, {"probabilities": labels})


def _rows(split: Split, which: slice) -> Split:
    """Some samples of a split."""
    inputs, targets = (
        {name: values[which] for name, values in arrays.items()} for arrays in (split.inputs, split.targets)
    )
    return Split(inputs, targets)
