"""The reader of each kind of data, by what the file is."""

import numpy as np
import pytest

from export.trained.data_files.read import read, told
from export.trained.names import public_names
from runtime.errors import DataError

ONE, TWO = public_names(["x"], ["a kind"]), public_names(["x"], ["a kind", "b"])


def test_each_kind_has_its_reader(tmp_path, rows):
    values = np.float32([[1, 2], [3, 4]])
    np.savez(tmp_path / "d.npz", inputs=values, targets=[5, 6])
    np.save(tmp_path / "d.npy", values)
    (tmp_path / "d.CSV").write_text("a,b,price\n1,2,5\n3,4,6\n")
    for name in ("d.npz", "d.npy", "d.CSV"):
        found = read(tmp_path / name, rows, "--test")
        np.testing.assert_array_equal(found.inputs["rows"], values)
        assert name == "d.npy" or found.targets["price"].tolist() == [[5], [6]]
    np.testing.assert_array_equal(read({"rows": values}, rows, "--test").inputs["rows"], values)


def test_arrays_in_memory_are_named_by_their_option(rows):
    with pytest.raises(DataError, match="--calibration has no array rows or inputs; it has x"):
        read({"x": np.zeros((1, 2))}, rows, "--calibration")


def test_data_that_say_nothing_say_nothing(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.zeros(1))
    (tmp_path / "broken.npz").write_bytes(b"PK and nothing")
    for data in (None, {"x": np.zeros(1)}, tmp_path / "d.npz", tmp_path / "broken.npz"):
        found = told(data, (), ONE)
        assert found.columns is found.classes is found.pictures is None and found.targets == {}
    (tmp_path / "d.csv").write_text("a,b,price\n")
    assert told(tmp_path / "d.csv", ("price",), ONE).columns == ("a", "b")


@pytest.mark.parametrize("name", ["targets", "targets_a kind", "targets_a_kind", "a kind", "a_kind"])
def test_targets_are_told_by_any_of_their_names(tmp_path, name):
    arrays = {"x": np.zeros((2, 1)), name: np.array([3, 4])}
    np.savez(tmp_path / "d.npz", **arrays)
    for data in (arrays, tmp_path / "d.npz"):
        assert {key: list(values) for key, values in told(data, (), ONE).targets.items()} == {
            "a_kind": [3, 4]
        }
        others = {} if name == "targets" else {"a_kind": [3, 4]}
        assert {key: list(values) for key, values in told(data, (), TWO).targets.items()} == others


def test_targets_of_a_table_are_told(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("x,a kind,b\n1,ant,2\n2,bee,0\n")
    kinds, numbers = ["ant", "bee"], [2, 0]
    for columns, names, expected in (
        (("a kind",), ONE, {"a_kind": kinds}),
        (("b",), ONE, {"a_kind": numbers}),
        (("a kind", "b"), ONE, {}),  # two values
        (("b", "a kind"), TWO, {"a_kind": kinds, "b": numbers}),
    ):
        assert {key: list(values) for key, values in told(path, columns, names).targets.items()} == expected


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("d.npz", "does not exist; expected an .npz, .npy, .csv, .txt or .zip file, or a folder of pictures"),
        (
            "d.json",
            "is of an unknown kind; expected an .npz, .npy, .csv, .txt or .zip file, or a folder of pictures",
        ),
        (
            "data",
            "is of an unknown kind; expected an .npz, .npy, .csv, .txt or .zip file, or a folder of pictures",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, rows, name, words):
    if name != "d.npz":
        (tmp_path / name).write_text("")
    with pytest.raises(DataError) as caught:
        read(tmp_path / name, rows, "--test")
    assert str(caught.value) == f"{tmp_path / name} {words}"
