"""Large batches are cut into chunks of one size, and joined again."""

import numpy as np
import pytest

from runtime.backends.batching import chunk_rows, in_chunks
from runtime.bundle.manifest import TensorSpec

OUTPUTS = {"sum": TensorSpec("float32", (None, 1)), "negative": TensorSpec("bool", (None, 1))}


class Adder:
    """Answers two inputs by two outputs, and keeps the sizes of its batches."""

    def __init__(self):
        self.sizes = []

    def __call__(self, feeds):
        self.sizes.append(len(feeds["a"]))
        return {"sum": feeds["a"] + feeds["b"], "negative": feeds["b"] < 0}


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 15, 16, 17, 100])
def test_chunks_have_one_size_and_cover_every_row(count):
    infer = Adder()
    feeds = {
        "a": np.arange(count, dtype=np.float32)[:, None],
        "b": (np.arange(count) * 7 % 10 - 3)[:, None],
    }
    found = in_chunks(infer, feeds, 8, OUTPUTS)
    assert np.array_equal(found["sum"], feeds["a"] + feeds["b"])
    assert np.array_equal(found["negative"], feeds["b"] < 0)
    assert len(set(infer.sizes)) == 1 and max(infer.sizes) <= 8 and len(infer.sizes) == -(-count // 8)


def test_no_rows_have_no_answers():
    infer = Adder()
    found = in_chunks(infer, {"a": np.zeros((0, 1)), "b": np.zeros((0, 1))}, 8, OUTPUTS)
    assert infer.sizes == [] and found["sum"].shape == found["negative"].shape == (0, 1)
    assert (found["sum"].dtype, found["negative"].dtype) == (np.float32, bool)


@pytest.mark.parametrize(
    ("inputs", "outputs", "rows"),
    [
        ([(None, 28, 28, 1)], [(None, 10)], 128),
        ([(None, 224, 224, 3)], [(None, 10)], 1),
        ([(None, 8)], [(None, 1)], 12544),
        ([(None, 6), (None, 2)], [(None, 1), (None, 1)], 12544),
        ([(None, 16)], [(None, 28, 28, 1)], 128),
        ([(None, 16)], [(None, 784)], 128),
        ([(None, 8), (None, 4, 2)], [(None, 1)], 128),
    ],
)
def test_a_chunk_has_as_many_rows_as_stay_in_the_cache(inputs, outputs, rows):
    specs = ([TensorSpec("float32", shape) for shape in side] for side in (inputs, outputs))
    assert chunk_rows(*specs) == rows


def test_numbers_of_words_are_no_table():
    assert chunk_rows([TensorSpec("int32", (None, 40))], [TensorSpec("float32", (None, 1))]) == 128
