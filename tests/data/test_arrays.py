"""Named arrays come back as they were written, and a file that is not one says how it is mended."""

import numpy as np
import pytest

from data.arrays import grouped, npz, read_npz
from runtime.errors import DataError


def read(path, group=None):
    return read_npz(path, DataError, "write it again", group)


def test_arrays_come_back_with_shape_and_dtype(tmp_path):
    path = tmp_path / "arrays.npz"
    path.write_bytes(npz(b=np.zeros((2, 0), np.float32), a=np.arange(3, dtype=np.uint8)))
    found = read(path)
    assert list(found) == ["b", "a"]
    assert (found["a"].dtype, found["a"].tolist()) == (np.uint8, [0, 1, 2])
    assert (found["b"].dtype, found["b"].shape) == (np.float32, (2, 0))


def test_groups_are_read_one_by_one(tmp_path):
    path = tmp_path / "arrays.npz"
    arrays = grouped(inputs={"x": np.ones(2)}, inputs_more={"x": np.ones(3)}, outputs=None)
    assert list(arrays) == ["inputs/x", "inputs_more/x"]
    path.write_bytes(npz(**arrays))
    assert {name: len(values) for name, values in read(path, "inputs").items()} == {"x": 2}
    assert read(path, "outputs") == {}


def damaged(content):
    """A bit of the first array flipped: the archive's own checksum sees it."""
    middle = len(content) // 3
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read (No such file or directory); write it again"),
        (b"", "cannot be read (it is not an .npz archive); write it again"),
        (b"\x93NUMPY", "cannot be read (it is not an .npz archive); write it again"),
    ],
)
def test_what_is_no_archive_is_named(tmp_path, content, words):
    path = tmp_path / "arrays.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path)
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
    with pytest.raises(DataError, match=r"arrays\.npz cannot be read \(.+\); write it again"):
        read(path)
