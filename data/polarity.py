"""Sentence polarity (Pang and Lee, 2005): sentences of film reviews, half of them in favour and half against."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data import texts
from data.dataset import Dataset
from data.sources import NO_DOWNLOAD, locate
from data.texts import Texts
from runtime.errors import DataError

LABELS = ("negative", "positive")
FILE = "sentence_polarity.zip"
SHA256 = {FILE: "6e1ed4405b65c7eabf1d199a7f7c437091ac21da0ea7467b410a74062574566b"}
MEMBERS = ("sentence_polarity/rt-polarity.neg", "sentence_polarity/rt-polarity.pos")

# One of so many sentences of each class is in the test split, and another in the validation split.
HELD_OUT = 10
LENGTH = 40  # words of a sentence that are read; one in ninety has more


def files(name: str, data_dir: str | Path | None = None) -> dict[str, Path]:
    """Where the dataset's files lie, by name, checked against their hashes.

    Raises:
        DatasetNotFound: it is in no folder; there is no download for it.
        DataError: its file is damaged.
    """
    return locate(name, SHA256, NO_DOWNLOAD, data_dir)


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Loads `sentence-polarity`: the numbers of words, int32 [n, 40]; 8,530 / 1,066 / 1,066 sentences.

    Raises:
        DatasetNotFound: it is in no folder; there is no download for it.
        DataError: its file is damaged.
    """
    return texts.dataset(name, read_splits(data_dir), LABELS, LENGTH, SHA256)


def read_splits(data_dir: str | Path | None = None) -> dict[str, Texts]:
    """The sentences as "train", "validation" and "test": 8,530 / 1,066 / 1,066, with both classes alike in each.

    Raises:
        DatasetNotFound: the dataset is in no folder; there is no download for it.
        DataError: its file is damaged.
    """
    classes = read_sentences(files("sentence-polarity", data_dir)[FILE])
    sentences = [sentence for members in classes for sentence in members]
    targets = np.repeat(np.arange(len(LABELS)), [len(members) for members in classes])
    every = Texts(sentences, targets)
    return {name: every.at(places) for name, places in split_places(targets).items()}


def read_sentences(path: Path) -> tuple[list[str], ...]:
    """Reads the zip: the sentences of each class, in the order of the file.

    Raises:
        DataError: the file is not this dataset.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            contents = [archive.read(name).decode("utf-8") for name in MEMBERS]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: not the two files of sentences ({error}); get the original file again"
        ) from error
    # Not splitlines(): some sentences hold control characters that it takes for ends of lines.
    return tuple(content.removesuffix("\n").split("\n") for content in contents)


def split_places(targets: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """The places of each split's samples, in the order of `texts.order`.

    Args:
        targets: the number of each sample's class [n].

    Returns:
        Places int64 by the split's name; together they are all from 0 to n - 1.
    """
    order = texts.order(len(targets))
    splits = np.full(len(targets), "train", object)
    for label in np.unique(targets):
        members = order[targets[order] == label]
        held_out = len(members) // HELD_OUT
        splits[members[:held_out]] = "test"
        splits[members[held_out : 2 * held_out]] = "validation"
    return {name: order[splits[order] == name] for name in ("train", "validation", "test")}
