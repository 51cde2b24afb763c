"""Probes are made as docs/bundle.md says, the same on every machine."""

import numpy as np
import pytest

from runtime.manifest import InputRecord
from runtime.probes import probe_inputs


@pytest.mark.parametrize("shape", [(8, 8, 1), (7, 5, 1), (4, 6, 3)], ids=str)
def test_an_image_is_moved_turned_and_inverted_by_the_bits_of_its_place(shape):
    images = np.random.default_rng(0).integers(3, 17, (40, *shape)).astype(np.uint8)
    kept = images.copy()
    found = probe_inputs(images, InputRecord("image", "image", shape, "uint8", 3, 16))
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
