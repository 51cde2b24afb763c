"""Texts: the rule of words, their numbers, and what is refused of a vocabulary."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime import text
from runtime.errors import BundleError, InputError

VOCABULARY = text.read_vocabulary(b"a\nfilm\ndon't\n")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("A film, DON'T miss it!", ["a", "film", "don't", "miss", "it"]),
        (
            "co-writer/director j . r . r . tolkien's",
            ["co", "writer", "director", "j", "r", "r", "tolkien's"],
        ),
        ("1984 is 3d", ["1984", "is", "3d"]),
        ("clichés", ["clich", "s"]),  # é is none of the letters
        ("Don\u2019t, it\u2019s", ["don't", "it's"]),  # as telephones and word processors write it
        (
            "a \u2018good film\u2019, the boys\u2019 own",
            ["a", "good", "film", "the", "boys", "own"],
        ),  # quoted
        (
            "ﬁlm ＦＩＬＭ ３Ｄ ²",
            ["film", "film", "3d", "2"],
        ),  # NFKC takes ligatures, wide letters, superscripts apart
        (
            "\u212aelvin \u0130",
            ["kelvin", "i"],
        ),  # normalised, then lower case: the sign for kelvin, a dotted I
        ("a\nb\tc\0d\x96e", ["a", "b", "c", "d", "e"]),
        ("''", ["''"]),
        ("", []),
        (" ... — !", []),
        ("\ud800a", ["a"]),  # half a pair, as a damaged file may hold
    ],
)
def test_words(given, words):
    assert text.tokenize(given) == words


@given(st.text())
def test_words_are_made_of_their_characters_and_are_their_own_words(given):
    for word in text.tokenize(given):
        assert set(word) <= set("abcdefghijklmnopqrstuvwxyz0123456789'")
        assert text.tokenize(word) == [word]


def test_numbers():
    numbers = text.to_numbers(["A film. I don't", "", "a a a a a"], VOCABULARY, 4)
    assert numbers.dtype == np.int32
    assert numbers.tolist() == [[2, 3, 1, 4], [0, 0, 0, 0], [2, 2, 2, 2]]


def test_numbers_of_no_texts_and_of_an_array():
    assert text.to_numbers([], VOCABULARY, 4).shape == (0, 4)
    assert text.to_numbers(np.array(["film", "a"]), VOCABULARY, 2).tolist() == [[3, 0], [2, 0]]


def test_a_single_text_is_refused():
    with pytest.raises(
        InputError, match=r"^a single text; this model takes a list of texts: give it \[text\]$"
    ):
        text.to_numbers("a film", VOCABULARY, 4)


@pytest.mark.parametrize(
    ("value", "kind"), [(b"a film", "bytes"), (7, "int"), (None, "NoneType"), (["a"], "list")]
)
def test_what_is_no_text_is_refused(value, kind):
    with pytest.raises(InputError, match=f"^text 1 is a {kind}; this model takes texts, as Python's str$"):
        text.to_numbers(["a film", value], VOCABULARY, 4)


def test_a_vocabulary_numbers_its_words_from_two():
    assert VOCABULARY == {"a": 2, "film": 3, "don't": 4}
    assert text.read_vocabulary(b"a\nfilm\ndon't") == VOCABULARY
    assert text.read_vocabulary(text.vocabulary_bytes(list(VOCABULARY))) == VOCABULARY


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "line 1 of the vocabulary is ''; expected one word"),
        (b"\n", "line 1 of the vocabulary is ''; expected one word"),
        (b"a\n\nb\n", "line 2 of the vocabulary is ''; expected one word"),
        (b"a\nb\n\n", "line 3 of the vocabulary is ''; expected one word"),
        (b"a\nb\na\n", "the vocabulary has 'a' in line 1 and again in line 3"),
        (b"a\nFilm\n", "line 2 of the vocabulary is 'Film'; expected one word"),
        (b"a\r\nb\r\n", r"line 1 of the vocabulary is 'a\\r'; expected one word"),
        (b"two words\n", "line 1 of the vocabulary is 'two words'; expected one word"),
        (b"[UNK]\n", r"line 1 of the vocabulary is '\[UNK\]'; expected one word"),
        (b"\xef\xbb\xbfa\n", r"line 1 of the vocabulary is '\\ufeffa'; expected one word"),
        ("é\n".encode(), "line 1 of the vocabulary is 'é'; expected one word"),
        (b"a\n\xff\n", r"the vocabulary is not UTF-8 \(byte 2\); write it as UTF-8"),
    ],
)
def test_vocabularies_that_are_refused(content, words):
    with pytest.raises(BundleError, match=f"^{words}"):
        text.read_vocabulary(content)


def test_a_vocabulary_has_a_largest_size():
    most = text.vocabulary_bytes([f"{number}" for number in range(text.MAX_WORDS)])
    assert len(text.read_vocabulary(most)) == text.MAX_WORDS
    with pytest.raises(BundleError, match=r"^the vocabulary has 100001 words, at most 100000 are allowed$"):
        text.read_vocabulary(most + b"a\n")
    with pytest.raises(BundleError, match=r"^the vocabulary has 2097153 bytes, at most 2097152 are allowed$"):
        text.read_vocabulary(b"a" * (text.MAX_VOCABULARY_BYTES + 1))


def test_the_runtime_does_not_import_it_by_itself():
    code = "import sys, runtime, runtime.loading, runtime.model; assert 'runtime.text' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
