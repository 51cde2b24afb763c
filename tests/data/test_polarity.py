"""Sentence polarity: the split, the vocabulary, and what is read of the zip."""

import hashlib
import zipfile

import numpy as np
import pytest

import data
from data import polarity, texts
from runtime import text
from runtime.errors import DataError

# SHA-256 of the places of each split, as little-endian int64.
PLACES = {
    "train": "026919ff91296418c5255e353aeda6e79d4bded4dd0a89eab2cd46275d1b8159",
    "validation": "73dd8329bd39e8564a08962a48081a7c92e9f686bdfb6de5604b1cd0ae936e9b",
    "test": "032a2dc43b31c25ad29d8a255ddab007a35fc425d8ac09ef5476cfd2e52a3f8b",
}


def write_zip(path, *contents: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in zip(polarity.MEMBERS, contents, strict=False):
            archive.writestr(name, content)


@pytest.fixture
def small_polarity(nowhere, monkeypatch):
    """A data folder with 20 negative and 20 positive sentences."""
    path = nowhere / "datasets" / "sentence-polarity" / polarity.FILE
    contents = ("".join(f"{kind} sentence {number}\n" for number in range(20)) for kind in ("bad", "good"))
    write_zip(path, *(content.encode() for content in contents))
    monkeypatch.setitem(polarity.SHA256, polarity.FILE, hashlib.sha256(path.read_bytes()).hexdigest())
    return nowhere / "datasets"


def test_the_split_is_the_same_forever():
    targets = np.repeat([0, 1], 5331)
    places = polarity.split_places(targets)
    assert {
        name: hashlib.sha256(found.astype("<i8").tobytes()).hexdigest() for name, found in places.items()
    } == PLACES
    assert {name: np.bincount(targets[found]).tolist() for name, found in places.items()} == {
        "train": [4265, 4265],
        "validation": [533, 533],
        "test": [533, 533],
    }
    assert sorted(np.concatenate(list(places.values()))) == list(range(10_662))


def test_sentences_keep_their_class(small_polarity):
    splits = polarity.read_splits(small_polarity)
    assert {name: len(split.texts) for name, split in splits.items()} == {
        "train": 32,
        "validation": 4,
        "test": 4,
    }
    for split in splits.values():
        assert [sentence.split()[0] for sentence in split.texts] == [
            ("bad", "good")[target] for target in split.targets
        ]
    assert len({sentence for split in splits.values() for sentence in split.texts}) == 40


def test_lines_end_at_newlines_alone(tmp_path):
    write_zip(tmp_path / "texts.zip", "one\x85\u2028\x1cstill one\ntwo\n".encode(), b"three")
    assert polarity.read_sentences(tmp_path / "texts.zip") == (
        ["one\x85\u2028\x1cstill one", "two"],
        ["three"],
    )


def test_the_vocabulary_has_words_that_occur_twice_by_their_frequency(monkeypatch):
    sentences = ["B a, c!", "b B d", "c a e"]
    assert texts.vocabulary(sentences) == ["b", "a", "c"]
    monkeypatch.setattr(texts, "MOST_WORDS", 2)
    assert texts.vocabulary(sentences) == ["b", "a"]


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ([b"one"], "There is no item named 'sentence_polarity/rt-polarity.pos'"),
        ([b"one", b"\xff"], "can't decode"),
    ],
)
def test_another_zip_is_refused(tmp_path, contents, words):
    write_zip(tmp_path / "texts.zip", *contents)
    with pytest.raises(DataError, match=rf"texts\.zip: not the two files of sentences \(.*{words}"):
        polarity.read_sentences(tmp_path / "texts.zip")


def test_nowhere_says_that_there_is_no_download(nowhere):
    with pytest.raises(
        data.DatasetNotFound, match=r"; download \(this dataset has none\); set EDGEPROOF_DATA"
    ):
        polarity.read_splits(nowhere)


def test_the_originals(real_data):
    splits = polarity.read_splits(real_data)
    assert {name: len(split.texts) for name, split in splits.items()} == {
        "train": 8530,
        "validation": 1066,
        "test": 1066,
    }
    words = texts.vocabulary(splits["train"].texts)
    assert words[:8] == ["the", "a", "and", "of", "to", "is", "in", "that"]
    assert len(text.read_vocabulary(text.vocabulary_bytes(words))) == 8000
