"""What does not fit a user's own model, or cannot be exported, is refused by name."""

import re

import keras
import pytest
from keras import layers

from runtime.errors import EdgeProofError
from tests.export.trained.own_models import dense, refused

pytestmark = pytest.mark.usefixtures("seeded")


def test_a_layer_that_no_device_has_leaves_the_other_formats(registered):
    x = keras.Input((10,), dtype="int64", name="x")
    model = keras.Model(x, layers.Embedding(5, 2)(layers.Hashing(5, name="hashed")(x)))
    refusals = registered(model).original.record.refused
    assert set(refusals) == {"tflite", "onnx"}
    assert all("the layer 'hashed' (Hashing) hashes strings" in text for text in refusals.values())


def strings():
    x = keras.Input((1,), dtype="string", name="x")
    return keras.Model(x, layers.Embedding(3, 2)(layers.StringLookup(vocabulary=["a"])(x)))


@pytest.mark.parametrize(
    ("model", "said", "words"),
    [
        (
            strings,
            {},
            "own.keras: its input 'x' takes strings, which the engines of a device do not have; move the lookup of "
            "strings out of the model, and give it numbers",
        ),
        (
            lambda: keras.Sequential([keras.Input((None, None, 3), name="x"), layers.Conv2D(2, 1)]),
            {},
            "own.keras: only the batch may be unknown, and the input 'x' has the shape [batch, n, n, 3]; fix the "
            "sizes, the batch first: --shape x=1,100,100,3",
        ),
        (
            dense,
            {"pixels": {"": "0-1"}},
            "--pixels 0-1: the model has no input of the shape of an image, [height, width] or [height, width, 1 or "
            "3]; it has x [batch, 4]",
        ),
        (
            lambda: dense((8, 8, 1)),
            {"pixels": {"": "imagenet"}},
            "--pixels imagenet: the input x has no three channels of colour",
        ),
        (
            lambda: dense((8, 8, 3), dtype="uint8"),
            {"pixels": {"": "0-1"}},
            "--pixels 0-1: the input x takes uint8, whole pixels; say --pixels 0-255",
        ),
        (
            dense,
            {"tasks": {"": "binary"}},
            "--task binary: the output y has the shape [batch, 3]; expected […, 1]",
        ),
        (
            lambda: dense(units=1),
            {"tasks": {"": "classification"}},
            "--task classification: the output y has the shape [batch, 1]; expected […, 2 or more]",
        ),
        (
            dense,
            {"tasks": {"": "reconstruction"}},
            "--task reconstruction: the output y has the shape [batch, 3], and no input has it; it has x [batch, 4]",
        ),
        (
            lambda: keras.Model(x := keras.Input((4,)), keras.ops.argmax(x, axis=1)),
            {"tasks": {"": "regression"}},
            re.compile(
                r"--task regression: the output .* gives int(32|64); this task needs floating-point scores or values"
            ),
        ),
        (dense, {"labels": {"": ("a", "b")}}, "--labels names 2 classes, and the output y has 3"),
        (
            dense,
            {"tasks": {"": "regression"}, "labels": {"": ("a", "b", "c")}},
            "--labels a,b,c names no output with classes, and the model has none; leave it out",
        ),
        (
            lambda: dense(activation="linear"),
            {"units": {"": ("m", "s")}},
            "--unit names 2 units, and the output y has 3 values",
        ),
        (
            dense,
            {"tasks": {"z": "tensor"}},
            "--task z=tensor: the model has no output of this name; it has y",
        ),
        (
            dense,
            {"shapes": {"z": (1, 4)}},
            "--shape z: own.keras has no such input; its inputs are x",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path, model, said, words):
    found = refused(tmp_path, model(), EdgeProofError, **said)
    assert words.fullmatch(found) if isinstance(words, re.Pattern) else found == words
