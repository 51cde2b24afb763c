"""Sentence polarity (Pang and Lee, 2005): sentences of film reviews, half of them in favour and half against."""

from __future__ import annotations

import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.dataset import Dataset, Split, class_output
from data.sources import NO_DOWNLOAD, locate
from data.trained_model import VOCABULARY
from runtime.bundle.manifest import InputRecord
from runtime.errors import DataError
from runtime.text import FIRST_WORD, read_vocabulary, to_numbers, tokenize, vocabulary_bytes

LABELS = ("negative", "positive")
FILE = "sentence_polarity.zip"
SHA256 = {FILE: "6e1ed4405b65c7eabf1d199a7f7c437091ac21da0ea7467b410a74062574566b"}
MEMBERS = ("sentence_polarity/rt-polarity.neg", "sentence_polarity/rt-polarity.pos")

SEED = 7
# One of so many sentences of each class is in the test split, and another in the validation split.
HELD_OUT = 10
LEAST_OCCURRENCES, MOST_WORDS = 2, 8_000


LENGTH = 40  # words of a sentence that are read; one in ninety has more


def files(name: str, data_dir: str | Path | None = None) -> dict[str, Path]:
    """Where the dataset's files lie, by name, checked against their hashes.

    Raises:
        DatasetNotFound: it is in no folder; there is no download for it.
        DataError: its file is damaged.
    """
    return locate(name, SHA256, NO_DOWNLOAD, data_dir)[0]


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """Load `sentence-polarity`: the numbers of words, int32 [n, 40]; 8,530 / 1,066 / 1,066 sentences.

    Raises:
        DatasetNotFound: it is in no folder; there is no download for it.
        DataError: its file is damaged.
    """
    return _dataset(name, read_splits(data_dir))


def _dataset(name: str, splits: Mapping[str, Texts]) -> Dataset:
    words = vocabulary(splits["train"].texts)
    content = vocabulary_bytes(words)
    numbers = read_vocabulary(content)

    def split(of: str) -> Split:
        return Split(
            {"text": to_numbers(splits[of].texts, numbers, LENGTH)}, {"probabilities": splits[of].targets}
        )

    highest = FIRST_WORD + len(words) - 1
    return Dataset(
        name=name,
        inputs=(InputRecord("text", "text", (LENGTH,), "int32", low=0, high=highest, vocabulary=VOCABULARY),),
        outputs=(class_output(LABELS),),
        sha256=dict(SHA256),
        train=split("train"),
        validation=split("validation"),
        test=split("test"),
        vocabularies={VOCABULARY: content},
    )


@dataclass(frozen=True)
class Texts:
    """Sentences in a fixed order, and the number of each one's class, int64 [n]."""

    texts: tuple[str, ...]
    targets: NDArray[np.int64]


def read_splits(data_dir: str | Path | None = None) -> dict[str, Texts]:
    """The sentences as "train", "validation" and "test": 8,530 / 1,066 / 1,066, with both classes alike in each.

    Raises:
        DatasetNotFound: the dataset is in no folder; there is no download for it.
        DataError: its file is damaged.
    """
    classes = read_sentences(files("sentence-polarity", data_dir)[FILE])
    sentences = [sentence for members in classes for sentence in members]
    targets = np.repeat(np.arange(len(LABELS)), [len(members) for members in classes])
    return {
        name: Texts(tuple(sentences[place] for place in places), targets[places])
        for name, places in split_places(targets).items()
    }


def read_sentences(path: Path) -> tuple[list[str], ...]:
    """Read the zip: the sentences of each class, in the order of the file.

    Raises:
        DataError: the file is not this dataset.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            texts = [archive.read(name).decode("utf-8") for name in MEMBERS]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: not the two files of sentences ({error}); get the original file again"
        ) from error
    # Not splitlines(): some sentences hold control characters that it takes for ends of lines.
    return tuple(text.removesuffix("\n").split("\n") for text in texts)


def split_places(targets: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """The places of each split's samples, in an order that depends on `SEED` alone.

    The order is that of SHA-256 digests, since a generator of random numbers may give others in its next version.

    Args:
        targets: the number of each sample's class [n].

    Returns:
        Places int64 by the split's name; together they are all from 0 to n - 1.
    """
    digests = [sha256(f"{SEED} {place}".encode()).digest() for place in range(len(targets))]
    order = np.array(sorted(range(len(targets)), key=digests.__getitem__))
    splits = np.full(len(targets), "train", object)
    for label in np.unique(targets):
        members = order[targets[order] == label]
        held_out = len(members) // HELD_OUT
        splits[members[:held_out]] = "test"
        splits[members[held_out : 2 * held_out]] = "validation"
    return {name: order[splits[order] == name] for name in ("train", "validation", "test")}


def vocabulary(texts: Sequence[str]) -> list[str]:
    """The words that occur at least twice in `texts`, the most frequent first, words alike by the alphabet."""
    counts = Counter(word for text in texts for word in tokenize(text))
    words = [word for word, count in counts.items() if count >= LEAST_OCCURRENCES]
    return sorted(words, key=lambda word: (-counts[word], word))[:MOST_WORDS]
