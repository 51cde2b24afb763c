"""From texts to the numbers that a model takes, by a rule that every device repeats exactly.

A text is normalised to Unicode's form NFKC and put into lower case. A typographic apostrophe (U+2019) between two of
the letters a to z and the digits 0 to 9 becomes the apostrophe '; elsewhere it is a quotation mark. The words of the
text are then the longest runs of those letters, digits and apostrophes; every other character only separates words. A
vocabulary gives the word in its first line the number 2, the next one 3, and so on. 0 is padding, and 1 stands for
every word that the vocabulary does not have.
"""

import re
from collections.abc import Mapping, Sequence
from unicodedata import normalize

import numpy as np

from runtime.errors import BundleError, InputError

UNKNOWN = 1  # 0 is padding
FIRST_WORD = 2  # the number of the first word of a vocabulary
# Ten times what the models of texts usually have; a larger file is none that was made for a device.
MAX_WORDS = 100_000
MAX_VOCABULARY_BYTES = 2 << 20

_words = re.compile(r"[a-z0-9']+").findall
_typographic = re.compile("(?<=[a-z0-9])\u2019(?=[a-z0-9])")


def tokenize(text: str) -> list[str]:
    """The words of a text in their order."""
    words: list[str] = _words(_typographic.sub("'", normalize("NFKC", text).lower()))
    return words


def to_numbers(texts: Sequence[str], vocabulary: Mapping[str, int], length: int) -> np.ndarray:
    """The numbers of the words of each text.

    Args:
        texts: n texts.
        vocabulary: the number of each known word, as `read_vocabulary` returns it.
        length: how many words are kept of a text; a shorter one is padded with 0 on the right.

    Returns:
        int32 [n, length].

    Raises:
        InputError: `texts` is a single text, or one of them is not a text.
    """
    if isinstance(texts, str):
        raise InputError("a single text; this model takes a list of texts: give it [text]")
    numbers = np.zeros((len(texts), length), np.int32)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(
                f"text {row} is a {type(text).__name__}; this model takes texts, as Python's str"
            )
        words = tokenize(text)[:length]
        numbers[row, : len(words)] = [vocabulary.get(word, UNKNOWN) for word in words]
    return numbers


def read_vocabulary(content: bytes) -> dict[str, int]:
    """The number of each word of a vocabulary file: UTF-8, one word a line, each as `tokenize` returns words.

    Raises:
        BundleError: the file is too large, or is no such list; the message names the first bad line.
    """
    if len(content) > MAX_VOCABULARY_BYTES:
        raise BundleError(
            f"the vocabulary has {len(content)} bytes, at most {MAX_VOCABULARY_BYTES} are allowed"
        )
    try:
        lines = content.decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise BundleError(f"the vocabulary is not UTF-8 (byte {error.start}); write it as UTF-8") from None
    if len(lines) > MAX_WORDS:
        raise BundleError(f"the vocabulary has {len(lines)} words, at most {MAX_WORDS} are allowed")
    vocabulary: dict[str, int] = {}
    for place, word in enumerate(lines):
        if word in vocabulary:
            first = vocabulary[word] - FIRST_WORD + 1
            raise BundleError(f"the vocabulary has {word!r} in line {first} and again in line {place + 1}")
        if tokenize(word) != [word]:
            raise BundleError(
                f"line {place + 1} of the vocabulary is {word[:40]!r}; expected one word of the letters a to z, digits "
                "and apostrophes, since no other is ever looked up"
            )
        vocabulary[word] = FIRST_WORD + place
    return vocabulary


def vocabulary_bytes(words: Sequence[str]) -> bytes:
    """The vocabulary file of these words, for `read_vocabulary`."""
    return "".join(f"{word}\n" for word in words).encode()
