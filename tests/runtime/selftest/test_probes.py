"""Probes are made as docs/bundle.md says, of golden inputs alone, the same on every machine."""

from hashlib import sha256

import numpy as np
import pytest

from runtime.bundle.manifest import InputRecord
from runtime.selftest.probes import probe_inputs

IMAGE = InputRecord("image", "image", (2, 3, 1), "uint8", 0, 255)
TABLE = InputRecord("table", "rows", (2,), "float", columns=("a", "b"))


def probe(rows, record):
    """The probes of one input."""
    return probe_inputs({record.name: rows}, {record.name: record})[record.name]


def test_each_bit_of_an_images_number_is_one_change():
    image = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    probes = probe(np.repeat(image[None], 32, axis=0), IMAGE)[..., 0].tolist()
    assert probes[0] == [[0, 1, 2], [3, 4, 5]]
    assert probes[1] == [[255, 254, 253], [252, 251, 250]]  # as a negative
    assert probes[2] == [[3, 4, 5], [0, 1, 2]]  # upside down
    assert probes[4] == [[2, 1, 0], [5, 4, 3]]  # mirrored
    assert probes[8] == [[3, 4, 5], [0, 1, 2]]  # moved down by half its height
    assert probes[16] == [[2, 0, 1], [5, 3, 4]]  # moved right by half its width
    # All five: moved first, then turned, then as a negative.
    assert probes[31] == [[254, 255, 253], [251, 252, 250]]


def test_a_negative_stays_within_the_pixels_range():
    images = np.array([3, 10], np.uint8).reshape(2, 1, 1, 1)
    record = InputRecord("image", "image", (1, 1, 1), "uint8", 3, 16)
    assert probe(images, record).ravel().tolist() == [3, 9]


def test_rows_are_mixed_and_every_second_is_stretched():
    rows = np.array([[1, 10], [2, 20], [4, 40], [8, 80]], np.float32)
    # Column 0 keeps its order, column 1 takes row (3 i + 5) mod 4; the middles are 4 and 40.
    assert probe(rows, TABLE).tolist() == [[1, 20], [0, -20], [4, 80], [12, 40]]


def test_probes_are_the_same_everywhere():
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (40, 28, 28, 3)).astype(np.uint8)
    rows = rng.normal(0, 1e4, (40, 8)).astype(np.float32)
    kept = images.copy(), rows.copy()
    found = probe(images, InputRecord("image", "image", (28, 28, 3), "uint8", 0, 255))
    assert found.shape == images.shape and found.dtype == np.uint8
    assert sha256(found.tobytes()).hexdigest()[:16] == "9a80a857b00dc9bb"
    found = probe(rows, TABLE._replace(shape=(8,)))
    assert found.shape == rows.shape and found.dtype == np.float32
    assert sha256(found.tobytes()).hexdigest()[:16] == "9dcccddbe8b183ef"
    assert np.array_equal(images, kept[0]) and np.array_equal(rows, kept[1])


@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 5, 1), (4, 6, 3)], ids=str)
def test_an_image_is_moved_turned_and_inverted_by_the_bits_of_its_place(shape):
    images = np.random.default_rng(0).integers(3, 17, (40, *shape)).astype(np.uint8)
    kept = images.copy()
    found = probe(images, InputRecord("image", "image", shape, "uint8", 3, 16))
    assert found.dtype == np.uint8 and np.array_equal(images, kept)
    for place, image in enumerate(images):
        expected = image
        if place & 8:
            expected = np.roll(expected, shape[0] // 2, 0)
        if place & 16:
            expected = np.roll(expected, shape[1] // 2, 1)
        if place & 2:
            expected = expected[::-1]
        if place & 4:
            expected = expected[:, ::-1]
        if place & 1:
            expected = 3 + (16 - expected)
        assert np.array_equal(found[place], expected)


@pytest.mark.parametrize("shape", [(), (5,), (4, 2), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["float", "int32", "int64", "uint8", "bool"])
def test_every_element_is_that_of_another_row_in_the_same_place(shape, dtype):
    kind = "float32" if dtype == "float" else dtype
    rows = np.random.default_rng(3).integers(0, 200, (7, *shape)).astype(kind)
    kept = rows.copy()
    found = probe(rows, InputRecord("tensor", "x", shape, dtype))
    assert found.dtype == rows.dtype and found.shape == rows.shape and np.array_equal(rows, kept)
    flat = rows.reshape(7, -1)
    expected = flat.copy()
    for i in range(7):
        for j in range(flat.shape[1]):
            value = flat[(i * (2 * j + 1) + 5 * j) % 7, j]
            middle = np.sort(flat[:, j])[3]
            stretched = dtype == "float" and i % 2
            expected[i, j] = middle + 2 * (value - middle) if stretched else value
    assert np.array_equal(found.reshape(7, -1), expected)


def test_inputs_are_probed_each_by_itself():
    images, rows = np.zeros((4, 2, 3, 1), np.uint8), np.float32([[1, 10], [2, 20], [4, 40], [8, 80]])
    found = probe_inputs({"rows": rows, "image": images}, {"image": IMAGE, "rows": TABLE})
    assert np.array_equal(found["rows"], probe(rows, TABLE))
    assert np.array_equal(found["image"], probe(images, IMAGE))
