"""Datasets of texts: the numbers of words by a vocabulary of their own, and an order that depends on nothing else."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.dataset import Dataset, Split, class_output
from data.trained_model import VOCABULARY
from runtime.bundle.manifest import InputRecord
from runtime.text import FIRST_WORD, read_vocabulary, to_numbers, tokenize, vocabulary_bytes

SEED = 7
LEAST_OCCURRENCES, MOST_WORDS = 2, 8_000


@dataclass(frozen=True)
class Texts:
    """Texts in a fixed order, and the number of each one's class, int64 [n]."""

    texts: Sequence[str]
    targets: NDArray[np.int64]

    def at(self, places: NDArray[np.int64]) -> Texts:
        """The texts at these places [m], in that order."""
        return Texts(tuple(self.texts[place] for place in places), self.targets[places])


def dataset(
    name: str, splits: Mapping[str, Texts], labels: Sequence[str], length: int, sha256: Mapping[str, str]
) -> Dataset:
    """A dataset whose input is the numbers of words, int32 [n, length], and whose output is the class.

    Args:
        name: of the dataset.
        splits: the texts as "train", which gives the vocabulary, "validation" and "test".
        labels: of the classes.
        length: how many words of a text are read.
        sha256: of the original files by name.
    """
    words = vocabulary(splits["train"].texts)
    content = vocabulary_bytes(words)
    numbers = read_vocabulary(content)

    def split(of: str) -> Split:
        return Split(
            {"text": to_numbers(splits[of].texts, numbers, length)}, {"probabilities": splits[of].targets}
        )

    highest = FIRST_WORD + len(words) - 1
    return Dataset(
        name=name,
        inputs=(InputRecord("text", "text", (length,), "int32", low=0, high=highest, vocabulary=VOCABULARY),),
        outputs=(class_output(labels),),
        sha256=dict(sha256),
        train=split("train"),
        validation=split("validation"),
        test=split("test"),
        vocabularies={VOCABULARY: content},
    )


def vocabulary(texts: Sequence[str]) -> list[str]:
    """The words that occur at least twice in `texts`, the most frequent first, words alike by the alphabet."""
    counts = Counter(word for text in texts for word in tokenize(text))
    words = [word for word, count in counts.items() if count >= LEAST_OCCURRENCES]
    return sorted(words, key=lambda word: (-counts[word], word))[:MOST_WORDS]


def order(count: int) -> NDArray[np.int64]:
    """The places from 0 to `count` - 1 in an order that depends on `SEED` alone.

    It is that of SHA-256 digests, since a generator of random numbers may give another in its next version.
    """
    digests = [hashlib.sha256(f"{SEED} {place}".encode()).digest() for place in range(count)]
    return np.array(sorted(range(count), key=digests.__getitem__), np.int64)
