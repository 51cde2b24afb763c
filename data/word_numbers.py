"""IMDB and Reuters as Keras keeps them: texts as numbers of words, and the words of these numbers in a second file.

The numbers are turned into words again, and the words into our own numbers, by the rule of `runtime.text` and a
vocabulary of the training split. A device then reads a new text as the model was trained on them. Keras dropped
punctuation and capitals, which that rule does not see either.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data import texts
from data.dataset import Dataset
from data.sources import locate, sha256_of
from data.texts import Texts
from runtime.errors import DataError

_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
# From keras/src/datasets/imdb.py and reuters.py, which give the MD5 of the second file alone.
HASHES = {
    "imdb": {
        "imdb.npz": "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
        "imdb_word_index.json": "md5:bfafd718b763782e994055a2d397834f",
    },
    "reuters": {
        "reuters.npz": "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
        "reuters_word_index.json": "md5:4d44cc38712099c9e383dc6e5f11a921",
    },
}
LABELS = {
    "imdb": ("negative", "positive"),
    # From keras/src/datasets/reuters.py, in the order of the classes' numbers.
    "reuters": (
        *("cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing", "money-supply", "coffee"),
        *("sugar", "trade", "reserves", "ship", "cotton", "carcass", "crude", "nat-gas", "cpi", "money-fx"),
        *("interest", "gnp", "meal-feed", "alum", "oilseed", "gold", "tin", "strategic-metal", "livestock"),
        *("retail", "ipi", "iron-steel", "rubber", "heat", "jobs", "lei", "bop", "zinc", "orange"),
        *("pet-chem", "dlr", "gas", "silver", "wpi", "hog", "lead"),
    ),
}
LENGTH = 256  # words of a text that are read
HELD_OUT = 10  # one of so many texts that are not in the test split is in the validation split
# Keras divides Reuters by this seed and keeps a fifth for the test.
_KERAS_SEED, _KERAS_TEST = 113, 0.2

_NUMPY = ("numpy.core.multiarray", "numpy._core.multiarray")  # by the version that wrote the file


def files(name: str, data_dir: str | Path | None = None) -> dict[str, Path]:
    """Where the dataset's files lie, by name, checked against their hashes; they are downloaded where they are missing.

    Raises:
        DatasetNotFound: it is in no folder and cannot be downloaded.
        DataError: one of its files is damaged.
    """
    return locate(name, HASHES[name], {file: _URL + file for file in HASHES[name]}, data_dir)


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Loads `imdb` or `reuters`: the numbers of words, int32 [n, 256].

    IMDB has 22,500 / 2,500 / 25,000 reviews of two classes, Reuters 8,084 / 898 / 2,246 newswires of 46. The test split
    is Keras' own.

    Raises:
        DatasetNotFound: it is in no folder and cannot be downloaded.
        DataError: one of its files is damaged.
    """
    paths = files(name, data_dir)
    arrays, words = paths[f"{name}.npz"], read_words(paths[f"{name}_word_index.json"])
    try:
        splits = _SPLITS[name](read_arrays(arrays), words)
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(
            f"{arrays}: not Keras' file of {name} ({error}); get the original file again"
        ) from error
    digests = {file: sha256_of(path) for file, path in paths.items()}
    return texts.dataset(name, splits, LABELS[name], LENGTH, digests)


def read_words(path: Path) -> dict[int, str]:
    """The word of each number, from Keras' file of the number of each word.

    Raises:
        DataError: the file is no such list.
    """
    try:
        return {int(number): str(word) for word, number in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: not a number for each word ({error}); get the original file again"
        ) from error


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz` file by name, also those of lists, which numpy keeps as a pickle.

    Nothing but arrays, lists and numbers is taken out of such a pickle, and nothing in it is run.

    Raises:
        DataError: the file is none, or its pickle holds something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {
                member.removesuffix(".npy"): _array(archive.read(member)) for member in archive.namelist()
            }
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise DataError(f"{path}: not a file of arrays ({error}); get the original file again") from error


def _array(content: bytes) -> NDArray[Any]:
    stream = io.BytesIO(content)
    npy: Any = np.lib.format  # whose functions have no types
    major, _ = npy.read_magic(stream)
    _, _, dtype = (npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0)(stream)
    if dtype.hasobject:
        return np.asarray(_Lists(stream).load())
    stream.seek(0)
    return np.asarray(npy.read_array(stream, allow_pickle=False))


class _Lists(pickle.Unpickler):
    """Reads the pickle of a numpy array of lists, and no other."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if module in _NUMPY and name == "_reconstruct":
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _imdb(arrays: Mapping[str, NDArray[Any]], words: Mapping[int, str]) -> dict[str, Texts]:
    test = _texts(arrays["x_test"], arrays["y_test"], words)
    # The file has one class after the other.
    return _divided(_texts(arrays["x_train"], arrays["y_train"], words)) | {
        "test": test.at(texts.order(len(test.texts)))
    }


def _reuters(arrays: Mapping[str, NDArray[Any]], words: Mapping[int, str]) -> dict[str, Texts]:
    every = _texts(arrays["x"], arrays["y"], words)
    places = np.arange(len(every.texts))
    np.random.RandomState(_KERAS_SEED).shuffle(places)
    cut = int(len(places) * (1 - _KERAS_TEST))
    return _divided(every.at(places[:cut])) | {"test": every.at(places[cut:])}


def _divided(given: Texts) -> dict[str, Texts]:
    """What a model learns from, and what its epochs are chosen by."""
    order = texts.order(len(given.texts))
    cut = len(order) // HELD_OUT
    return {"train": given.at(order[cut:]), "validation": given.at(order[:cut])}


def _texts(sequences: Iterable[Iterable[int]], targets: NDArray[Any], words: Mapping[int, str]) -> Texts:
    """The texts again; a number that stands for no word is left out."""
    found = tuple(" ".join(words[number] for number in numbers if number in words) for numbers in sequences)
    return Texts(found, targets.astype(np.int64))


_SPLITS = {"imdb": _imdb, "reuters": _reuters}
