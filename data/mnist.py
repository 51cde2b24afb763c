"""MNIST and Fashion-MNIST: the four original IDX files each, 60,000 training and 10,000 test images."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.dataset import Dataset, Split, class_output, image_input
from data.sources import locate
from runtime.bundle.manifest import OutputRecord
from runtime.errors import DataError

VALIDATION = 5_000  # the last of the training images

_TRAIN = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
_TEST = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")

SHA256 = {
    "mnist": {
        _TRAIN[0]: "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        _TRAIN[1]: "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        _TEST[0]: "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        _TEST[1]: "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    "fashion-mnist": {
        _TRAIN[0]: "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        _TRAIN[1]: "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        _TEST[0]: "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        _TEST[1]: "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
}
_URL = {
    "mnist": "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "fashion-mnist": "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
}
LABELS = {
    "mnist": tuple("0123456789"),
    "fashion-mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
}

_FEW = 200
_REBUILT = (
    OutputRecord("rebuilt", (28, 28, 1), "reconstruction", input="image", scale=(1 / 255,), offset=(0.0,)),
    OutputRecord("anomaly", (1,), "regression", columns=("mean squared error",)),
)


def files(name: str, data_dir: str | Path | None = None) -> dict[str, Path]:
    """Where the dataset's files lie, by name, checked against their hashes; they are downloaded where they are missing.

    Raises:
        DatasetNotFound: it is in no folder and cannot be downloaded.
        DataError: one of its files is damaged.
    """
    folder = name.removesuffix("-rebuilt")
    urls = {file: _URL[folder] + file for file in SHA256[folder]}
    return locate(folder, SHA256[folder], urls, data_dir)


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Loads `mnist` or `fashion-mnist`: raw uint8 [n, 28, 28, 1]; 55,000 / 5,000 / 10,000 samples.

    `mnist-rebuilt` has the same images, and the task to rebuild them: as targets their pixels from 0 to 1, and an
    output for the error of each image, for which there are none. Its test split is the first 200 images: the answers to
    all would be 31 MB beside the model.

    Raises:
        DatasetNotFound: it is in no folder and cannot be downloaded.
        DataError: one of its files is damaged.
    """
    folder = name.removesuffix("-rebuilt")
    paths = files(name, data_dir)
    images, labels = (read_idx(paths[file]) for file in _TRAIN)
    test_images, test_labels = (read_idx(paths[file]) for file in _TEST)
    cut = len(images) - VALIDATION
    split = _split if folder == name else _rebuilt
    return Dataset(
        name=name,
        inputs=(image_input((28, 28, 1), high=255),),
        outputs=(class_output(LABELS[name]),) if folder == name else _REBUILT,
        sha256=dict(SHA256[folder]),
        train=split(images[:cut], labels[:cut]),
        validation=split(images[cut:], labels[cut:]),
        test=split(*(part if folder == name else part[:_FEW] for part in (test_images, test_labels))),
    )


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Reads a gzipped IDX file of unsigned bytes: uint8, of the shape that its header gives.

    Raises:
        DataError: the file is not one, or is not whole.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}); get the original file again") from error
    rank = content[3] if len(content) >= 4 else 0
    header = 4 + 4 * rank
    # Two zero bytes, the type (8: unsigned byte), the rank; then each size as a big-endian 32-bit number.
    if content[:3] != b"\0\0\x08" or not rank or len(content) < header:
        raise DataError(f"{path}: not an IDX file of unsigned bytes; get the original file again")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", count=rank, offset=4))
    if len(content) != header + math.prod(shape):
        raise DataError(
            f"{path}: holds {len(content) - header} bytes of data, its header promises {math.prod(shape)} "
            f"(shape {shape}); get the original file again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _split(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    return Split({"image": images[..., np.newaxis]}, {"probabilities": labels.astype(np.int64)})


def _rebuilt(images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> Split:
    pixels = images[..., np.newaxis]
    return Split({"image": pixels}, {"rebuilt": pixels.astype(np.float32) / 255})
