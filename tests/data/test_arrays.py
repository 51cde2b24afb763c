"""Named arrays come back as they were written, and a file that is not one says what was expected."""

import numpy as np
import pytest

from data.arrays import npz, read_npz
from runtime.errors import DataError


def read(path, *names):
    return read_npz(path, names, DataError, "write it again")


def test_arrays_come_back_with_shape_and_dtype(tmp_path):
    path = tmp_path / "arrays.npz"
    path.write_bytes(npz(a=np.arange(3, dtype=np.uint8), b=np.zeros((2, 0), np.float32)))
    found = read(path, "b", "a")
    assert list(found) == ["b", "a"]
    assert (found["a"].dtype, found["a"].tolist()) == (np.uint8, [0, 1, 2])
    assert (found["b"].dtype, found["b"].shape) == (np.float32, (2, 0))


def damaged(content):
    """A bit of the first array flipped: the archive's own checksum sees it."""
    middle = len(content) // 3
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read (No such file or directory); expected the arrays a, b; write it again"),
        (b"", "cannot be read (it is not an .npz archive); expected the arrays a, b; write it again"),
        (
            b"\x93NUMPY",
            "cannot be read (it is not an .npz archive); expected the arrays a, b; write it again",
        ),
        (npz(c=np.ones(1), d=np.ones(1)), "holds c, d; expected the arrays a, b; write it again"),
        (npz(a=np.ones(1)), "holds a; expected the arrays a, b; write it again"),
        (npz(), "holds no arrays; expected the arrays a, b; write it again"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, content, words):
    path = tmp_path / "arrays.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path, "a", "b")
    assert str(caught.value) == f"{path} {words}"


@pytest.mark.parametrize(
    "content",
    [
        damaged(npz(a=np.random.default_rng(0).normal(size=500))),
        npz(a=np.array([{}], dtype=object)),  # a pickle, which is code
    ],
)
def test_damage_and_pickles_are_refused(tmp_path, content):
    path = tmp_path / "arrays.npz"
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"arrays\.npz cannot be read \(.+\); expected the arrays a; write it again"
    ):
        read(path, "a")
