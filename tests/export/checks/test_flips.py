"""A few of the samples that a variant decides otherwise are kept, with pictures, and read again."""

import base64
import io

import numpy as np
from PIL import Image

from export.checks import flips
from runtime.bundle.manifest import InputRecord, OutputRecord

KIND = OutputRecord("kind", (3,), "classification", labels=("cat", "dog", "cow"))
PICTURE = InputRecord("image", "picture", (8, 8, 3), "uint8", 0, 255)


def answers(*classes):
    return np.eye(3, dtype=np.float32)[list(classes)]


def test_flips_are_the_samples_decided_otherwise_those_that_were_right_first():
    before, after = answers(0, 1, 2, 0, 1), answers(0, 2, 1, 1, 1)
    targets, asked = np.array([0, 2, 0, 0, 1]), np.array([40, 30, 20, 10, 0])
    found = flips.changed(KIND, after, before, targets, asked)
    assert found == (
        flips.Flip(10, "kind", "cat", "cat", "dog"),  # right before
        flips.Flip(20, "kind", "cat", "cow", "dog"),
        flips.Flip(30, "kind", "cow", "dog", "cow"),
    )
    assert flips.changed(KIND, before, before, targets, asked) == ()


def test_only_a_few_are_kept():
    count = 50
    found = flips.changed(
        KIND, answers(*[1] * count), answers(*[0] * count), np.zeros(count, int), np.arange(count)
    )
    assert [flip.sample for flip in found] == list(range(flips.MOST))


def test_other_tasks_have_none():
    value = OutputRecord("value", (1,), "regression")
    several = OutputRecord("kind", (4, 3), "classification", labels=("cat", "dog", "cow"))
    one = np.zeros((2, 1), np.float32)
    assert flips.changed(value, one, one + 1, one, np.arange(2)) == ()
    assert flips.changed(several, one, one, one, np.arange(2)) == ()


def test_a_binary_is_decided_at_a_half():
    record = OutputRecord("above", (1,), "binary", labels=("no", "yes"))
    before, after = np.float32([[0.49], [0.9]]), np.float32([[0.5], [0.6]])
    (flip,) = flips.changed(record, after, before, np.array([1, 1]), np.arange(2))
    assert flip == flips.Flip(0, "above", "yes", "no", "yes")


def test_pictures_are_small_and_are_those_of_the_samples():
    raw = np.random.default_rng(0).integers(0, 256, (4, 96, 64, 3), dtype=np.uint8)
    flip = flips.Flip(2, "kind", "cat", "dog", "cow")
    (found,) = flips.with_pictures([flip], [PICTURE], {"picture": raw})
    image = Image.open(io.BytesIO(base64.b64decode(found.picture)))
    assert (image.format, image.size) == ("PNG", (32, 48))
    small = flips.thumbnail(raw[2, :8, :8])
    assert np.array_equal(Image.open(io.BytesIO(base64.b64decode(small))), raw[2, :8, :8])
    assert flips.with_pictures([flip], [InputRecord("table", "rows", (3,), "float")], {}) == (flip,)


def test_digits_of_few_grey_levels_are_brightened():
    dark = np.array([[[0], [16]], [[8], [4]]], np.uint8)
    image = Image.open(io.BytesIO(base64.b64decode(flips.thumbnail(dark))))
    assert np.asarray(image).tolist() == [[0, 255], [127, 63]]


def test_what_was_written_is_read_again_and_nothing_stays_of_an_earlier_run(tmp_path):
    flip = flips.Flip(2, "kind", "cat", "dog", "cow", "AAAA")
    found = {
        ("tflite-int8", "litert"): [flip, flip._replace(sample=5, picture=None)],
        ("onnx-int8", "onnxruntime"): [],
    }
    flips.write(tmp_path, found)
    assert flips.read(tmp_path) == {("tflite-int8", "litert"): found["tflite-int8", "litert"]}
    flips.write(tmp_path, {("tflite-int8", "litert"): []})
    assert not (tmp_path / flips.FILE).exists() and flips.read(tmp_path) == {}
