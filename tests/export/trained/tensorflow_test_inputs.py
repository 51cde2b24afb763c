"""What the inputs of a user's own model are taken for."""

import keras
import numpy as np
import pytest
from keras import layers

from runtime.errors import DataError, UsageError
from tests.export.trained.own_models import dense, embedded, refused

pytestmark = pytest.mark.usefixtures("seeded")


PIXELS = {"kind": "image", "dtype": "uint8", "low": 0, "high": 255, "resize": "stretch"}


def described(record):
    return {key: value for key, value in record._asdict().items() if value is not None and key != "columns"}


@pytest.mark.parametrize(
    ("model", "said", "expected"),
    [
        (lambda: dense(), {}, {"kind": "table", "shape": (4,), "dtype": "float"}),
        (lambda: dense((5, 4)), {}, {"kind": "sequence", "shape": (5, 4), "dtype": "float"}),
        (lambda: dense((5, 4, 7)), {}, {"kind": "tensor", "shape": (5, 4, 7), "dtype": "float"}),
        (
            lambda: dense((8, 8, 3)),
            {"pixels": {"": "-1-1"}},
            PIXELS | {"shape": (8, 8, 3)},
        ),
        (
            lambda: dense((8, 9)),
            {"pixels": {"x": "0-1"}, "resize": "pad"},
            PIXELS | {"shape": (8, 9, 1), "resize": "pad"},
        ),
        (
            lambda: keras.Sequential(
                [keras.Input((8, 8, 1), name="x"), layers.Rescaling(1 / 255), layers.Flatten()]
            ),
            {},
            PIXELS | {"shape": (8, 8, 1)},
        ),
        (
            lambda: keras.Sequential([keras.Input((8, 8, 1), name="x", dtype="uint8"), layers.Flatten()]),
            {},
            PIXELS | {"shape": (8, 8, 1)},
        ),
        (
            lambda: embedded(),
            {},
            {"kind": "sequence", "shape": (6,), "dtype": "int32", "low": 0, "high": 49},
        ),
        (  # Keras 2 declares them as floats.
            lambda: embedded(dtype="float32"),
            {},
            {"kind": "sequence", "shape": (6,), "dtype": "int32", "low": 0, "high": 49},
        ),
        (
            lambda: embedded(steps=1, dtype="int64"),
            {},
            {"kind": "tensor", "shape": (1,), "dtype": "int64", "low": 0, "high": 49},
        ),
        (lambda: dense((3, 2), dtype="int16"), {}, {"kind": "tensor", "shape": (3, 2), "dtype": "int32"}),
        (lambda: dense((3,), dtype="bool"), {}, {"kind": "sequence", "shape": (3,), "dtype": "bool"}),
        (lambda: dense((3,), dtype="float16"), {}, {"kind": "table", "shape": (3,), "dtype": "float"}),
        (
            lambda: keras.Model(x := keras.Input((), name="x"), keras.ops.sin(x)),
            {},
            {"kind": "tensor", "shape": (), "dtype": "float"},
        ),
    ],
)
def test_what_an_input_is_taken_for(registered, model, said, expected):
    (record,) = registered(model(), **said).original.record.inputs
    assert described(record) == {"name": record.name, **expected}


def test_a_tensor_that_may_be_a_picture_is_told_with_the_option(registered):
    notes = registered(dense((8, 8, 3))).notes
    assert notes[0] == (
        "input x: a tensor, because nothing says that it takes pictures; if it does, --pixels 0-255, 0-1, -1-1 or "
        "imagenet puts the scaling of their pixels into the graph"
    )


def test_pixels_are_scaled_before_the_model_and_the_file_stays_as_it_is(registered, tmp_path):
    model = dense((8, 8, 3))
    found = registered(model, pixels={"": "imagenet"})
    assert found.original.record.source.pixels == {"x": "imagenet"}
    assert (tmp_path / "own.keras").read_bytes() == found.original.model.read_bytes()
    inputs, outputs = found.original.golden()
    pixels = keras.applications.densenet.preprocess_input(inputs["x"].astype(np.float32))
    np.testing.assert_allclose(outputs["y"], model.predict(pixels, verbose=0), atol=1e-5)


def test_pixels_twice_scaled_are_told(registered):
    model = keras.Sequential([keras.Input((8, 8, 1), name="x"), layers.Rescaling(1 / 255), layers.Flatten()])
    assert registered(model, pixels={"": "0-1"}).notes[0] == (
        "input x: the model scales pixels itself, and --pixels 0-1 scales them once more; leave it out unless it was "
        "trained so"
    )


def test_a_vocabulary_makes_a_text(registered, tmp_path):
    (tmp_path / "words.txt").write_text("the\na\nfilm\n")
    found = registered(embedded(), vocabularies={"": tmp_path / "words.txt"})
    (record,) = found.original.record.inputs
    assert (record.kind, record.high, record.vocabulary) == ("text", 4, "vocabulary.txt")
    assert (found.original.folder / "vocabulary.txt").read_text() == "the\na\nfilm\n"
    assert "vocabulary.txt" in found.original.record.sha256


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (
            "\n".join(f"w{number}" for number in range(49)),
            UsageError,
            "--vocabulary: it has 49 words, whose numbers go up to 50, and the table of embeddings that takes the "
            "input tokens has rows up to 49; give the vocabulary that the model was trained with",
        ),
        (
            "\n[UNK]\nfilm\n",
            DataError,
            "PATH: line 1 of the vocabulary is ''; expected one word of the letters a to z, digits and apostrophes, "
            "since no other is ever looked up; HINT",
        ),
        ("a\nb\na\n", DataError, "PATH: the vocabulary has 'a' in line 1 and again in line 3; HINT"),
        (
            None,
            DataError,
            "PATH cannot be read (No such file or directory); give a text file with one word a line",
        ),
    ],
)
def test_words_that_do_not_fit_are_refused(tmp_path, words, error, said):
    if words is not None:
        (tmp_path / "words.txt").write_text(words)
    found = refused(tmp_path, embedded(), error, vocabularies={"": tmp_path / "words.txt"})
    hint = "padding and unknown words have the numbers 0 and 1 by themselves, without lines"
    assert found == said.replace("PATH", str(tmp_path / "words.txt")).replace("HINT", hint)


def test_texts_are_numbered_by_the_vocabulary(registered, tmp_path):
    (tmp_path / "words.txt").write_text("the\na\nfilm\n")
    (tmp_path / "texts.csv").write_text("mood,text\nyes,The film\nno,a silly film\n")
    found = registered(
        embedded(),
        vocabularies={"": tmp_path / "words.txt"},
        test=tmp_path / "texts.csv",
        target_columns=("mood",),
    )
    test = found.original.test_data()
    assert test.inputs["tokens"].tolist() == [[2, 4, 0, 0, 0, 0], [3, 1, 4, 0, 0, 0]]
    assert test.targets["y"].tolist() == [1, 0]


def test_words_are_for_whole_numbers(tmp_path):
    (tmp_path / "words.txt").write_text("a\n")
    assert refused(tmp_path, dense(), vocabularies={"": tmp_path / "words.txt"}) == (
        f"--vocabulary {tmp_path}/words.txt names no input with the numbers of words, and the model has none; "
        "leave it out"
    )
