"""Raw values of every kind are checked before an engine sees them; those of images and tables in test_model.py."""

import numpy as np
import pytest

from runtime.bundle.manifest import InputRecord
from runtime.errors import BundleError, InputError
from runtime.inputs import feeds_check, raw_check

SPEECH = InputRecord("sequence", "speech", (4, 2), "float")
STEPS = InputRecord("sequence", "steps", (4,), "int32", 0, 9)
WORDS = InputRecord("text", "words", (5,), "int32", 0, 4, vocabulary="vocabulary.txt")
LONG = InputRecord("tensor", "long", (2,), "int64")
BYTES = InputRecord("tensor", "bytes", (2,), "uint8")
STATE = InputRecord("tensor", "state", (2, 3), "float")
ONE = InputRecord("tensor", "one", (), "float")
FLAGS = InputRecord("tensor", "flags", (3,), "bool")
VOCABULARY = b"good\nbad\nfilm\n"


class Frame:
    """What pandas' DataFrame is to the runtime: named columns and values."""

    columns = ("a", "b")

    def __array__(self, dtype=None, copy=None):
        return np.ones((1, 2))


@pytest.mark.parametrize(
    ("record", "values"),
    [
        (SPEECH, np.zeros((3, 4, 2), np.float32)),
        (SPEECH, np.zeros((0, 4, 2), np.float32)),
        (STEPS, np.arange(8, dtype=np.int32).reshape(2, 4)),
        (STEPS, np.full((2, 4), 9, np.uint64)),
        (STEPS, np.zeros((0, 4), np.int8)),
        (WORDS, np.zeros((2, 5), np.int64)),
        (LONG, np.int64([[-(1 << 63), (1 << 63) - 1]])),
        (BYTES, np.int32([[0, 255]])),
        (STATE, np.ones((1, 2, 3), np.float32)),
        (ONE, np.float32([1, 2, 3])),
        (FLAGS, np.array([[True, False, True]])),
    ],
)
def test_what_fits_is_handed_on_without_a_copy(record, values):
    found = raw_check(record)(values)
    assert found is values


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4", "longdouble"])
def test_any_floating_dtype_becomes_float32(dtype):
    found = raw_check(SPEECH)(np.ones((1, 4, 2), dtype))
    assert found.dtype == np.float32 and found.dtype.isnative and (found == 1).all()


def test_lists_are_arrays():
    assert raw_check(STEPS)([[1, 2, 3, 4]]).tolist() == [[1, 2, 3, 4]]
    assert raw_check(ONE)([0.5, 1.5]).tolist() == [0.5, 1.5]
    assert raw_check(FLAGS)([[True, False, True]]).dtype == bool


@pytest.mark.parametrize(
    ("record", "values", "words"),
    [
        (SPEECH, np.zeros((1, 4, 2), int), "the sequences are int64; this model takes floating-point numbers: give it "
         "float32, scaled as the model was trained"),
        (STATE, np.zeros((1, 2, 3), np.uint8), "the values are uint8; this model takes floating-point numbers: give"),
        (SPEECH, np.zeros((1, 4, 2), bool), "the sequences are bool; this model takes floating-point numbers$"),
        (SPEECH, [[["a", "b"]] * 4], "the sequences are <U1"),
        (SPEECH, np.zeros((4, 2), np.float32), r"the sequences have the shape \[4, 2\], this model takes \[n, 4, 2\]; "
         r"for a single sequence give sequence\[None\]"),
        (SPEECH, np.zeros((1, 5, 2), np.float32), r"shape \[1, 5, 2\], this model takes \[n, 4, 2\]$"),
        (SPEECH, np.zeros((1, 2, 4), np.float32), r"shape \[1, 2, 4\]"),
        (SPEECH, np.float32(1), r"shape \[\], this model takes \[n, 4, 2\]$"),
        (SPEECH, np.full((1, 4, 2), np.nan), r"the value at \[0, 0, 0\] is NaN; every value must be a finite number"),
        (ONE, np.float32([1, np.inf]), r"the value at \[1\] is infinite or too large for float32"),
        (ONE, [1.0, 1e300], r"the value at \[1\] is infinite or too large for float32"),
        (ONE, np.float32(1), r"the values have the shape \[\], this model takes \[n\]; for a single row give row"),
        (ONE, np.zeros((2, 1), np.float32), r"shape \[2, 1\], this model takes \[n\]$"),
        (STEPS, np.full((1, 4), 10), "sequences from 10 to 10; this model takes whole numbers from 0 to 9"),
        (STEPS, np.full((1, 4), -1), "sequences from -1 to -1; this model takes whole numbers from 0 to 9"),
        (STEPS, np.ones((1, 4)), r"the sequences are float64; this model takes whole numbers: give it "
         r"sequences\.astype\('int32'\)"),
        (STEPS, np.full((1, 4), 0.5), "the sequences are float64; this model takes whole numbers$"),
        (STEPS, np.full((1, 4), np.nan), "the sequences are float64; this model takes whole numbers$"),
        (STEPS, np.zeros((1, 4), bool), "the sequences are bool; this model takes whole numbers$"),
        (STEPS, np.zeros(4, int), r"shape \[4\], this model takes \[n, 4\]; for a single sequence give sequence\[None"),
        (LONG, np.uint64([[0, 1 << 63]]), "values from 0 to 9223372036854775808; this model takes whole numbers from"),
        (LONG._replace(dtype="int32"), np.int64([[0, 1 << 31]]), "from 0 to 2147483648; .* from -2147483648 to"),
        (BYTES, np.int64([[0, 256]]), "values from 0 to 256; this model takes whole numbers from 0 to 255"),
        (BYTES, np.int8([[0, -1]]), "values from -1 to 0; this model takes whole numbers from 0 to 255"),
        (FLAGS, np.int64([[0, 1, 1]]), "the values are int64; this model takes bool: give it rows != 0"),
        (FLAGS, np.zeros((1, 2), bool), r"shape \[1, 2\], this model takes \[n, 3\]"),
        (WORDS, np.full((1, 5), 5), "numbers of words from 5 to 5; this model takes whole numbers from 0 to 4"),
        (WORDS, np.zeros(5, int), r"the numbers of words have the shape \[5\], .*; for a single row give row\[None\]"),
        (WORDS, "good film", r"a single text; this model takes a list of texts: give it \[text\]"),
        (WORDS, [None, "good"], "the numbers of words are object; this model takes whole numbers"),
        (WORDS, np.array([["a"] * 5]), "the numbers of words are <U1; this model takes whole numbers"),
        (SPEECH, [[1.0], [1.0, 2.0]], "a list that is no array"),
        (SPEECH, None, "the sequences are object"),
        (SPEECH, np.ma.masked_array(np.zeros((1, 4, 2))), "a masked array; fill its gaps"),
    ],
)  # fmt: skip
def test_what_would_be_answered_wrongly_is_refused(record, values, words):
    with pytest.raises(InputError, match=words):
        raw_check(record)(values)


@pytest.mark.parametrize(
    "texts",
    [
        ["a GOOD film!", "bad"],
        ("a GOOD film!", "bad"),
        np.array(["a GOOD film!", "bad"]),
        np.array(["a GOOD film!", "bad"], object),
    ],
    ids=["list", "tuple", "array", "objects"],
)
def test_texts_become_the_numbers_of_their_words(texts):
    found = raw_check(WORDS, VOCABULARY)(texts)
    assert found.dtype == np.int32 and found.tolist() == [[1, 2, 4, 0, 0], [3, 0, 0, 0, 0]]


def test_no_texts_are_no_rows():
    assert raw_check(WORDS, VOCABULARY)([]).shape == (0, 5)


def test_numbers_of_words_are_taken_as_they_are():
    numbers = np.int32([[1, 2, 4, 0, 0]])
    assert raw_check(WORDS, VOCABULARY)(numbers) is numbers


def test_texts_need_a_vocabulary():
    with pytest.raises(
        InputError, match="texts, without a vocabulary at hand; give the numbers of their words"
    ):
        raw_check(WORDS)(["good"])


def test_a_vocabulary_of_another_size_than_the_manifest_says_is_refused():
    with pytest.raises(
        BundleError, match=r"vocabulary of the input words has numbers up to 3, the manifest says 4; export"
    ):
        raw_check(WORDS, b"good\nbad\n")(["good"])


def check_two(values):
    """What `predict` of a model with two inputs does first."""
    return feeds_check({"speech": SPEECH, "one": ONE}, {})(values)


def test_several_inputs_are_given_by_name():
    values = {"one": np.float32([1, 2]), "speech": np.zeros((2, 4, 2))}
    found = check_two(values)
    assert list(found) == ["speech", "one"] and found["speech"].dtype == np.float32
    assert found["one"] is values["one"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            np.zeros((1, 4, 2)),
            "^a ndarray; this model takes several inputs: give it {'speech': …, 'one': …}$",
        ),
        (Frame(), "^a Frame; this model takes several inputs"),
        ([[1.0], [2.0]], "^a list; this model takes several inputs"),
        (None, "^a NoneType; this model takes several inputs"),
        ({}, "^inputs named nothing; this model takes speech, one$"),
        ({"speech": np.zeros((1, 4, 2))}, "^inputs named speech; this model takes speech, one$"),
        ({"speech": 1, "one": 1, "two": 1}, "^inputs named one, speech, two; this model takes speech, one$"),
        (
            {"speech": np.zeros((1, 4, 2)), "one": np.zeros(2)},
            "^the inputs have different numbers of rows: speech has 1",
        ),
        (
            {"speech": np.zeros((1, 4, 2)), "one": [1, 2]},
            "^input one: the values are int64; this model takes floating",
        ),
        ({"speech": np.zeros((4, 2)), "one": [1.0]}, r"^input speech: .* give sequence\[None\]$"),
    ],
)
def test_several_inputs_that_do_not_fit_are_refused(values, words):
    with pytest.raises(InputError, match=words):
        check_two(values)


def test_one_input_may_be_given_by_name():
    values = np.float32([1, 2])
    check = feeds_check({"one": ONE}, {})
    assert check(values)["one"] is check({"one": values})["one"] is values
    with pytest.raises(InputError, match=r"^inputs named two; this model takes one$"):
        check({"two": values})
    for wrong in ([1, 2], {"one": [1, 2]}):
        with pytest.raises(InputError, match=r"^the values are int64"):
            check(wrong)
