"""California housing: the table, its splits, and the way from the original archive."""

import io
import tarfile

import numpy as np
import pytest

import data
from data import california
from runtime.errors import DataError

HEADER = ",".join([*california.COLUMNS, california.TARGET])


def archive(table: np.ndarray) -> bytes:
    """The original archive's form, for the columns that it has."""
    text = io.BytesIO()
    np.savetxt(text, table, delimiter=",", fmt="%.6f")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo("CaliforniaHousing/cal_housing.data")
        member.size = text.tell()
        text.seek(0)
        tar.addfile(member, text)
    return buffer.getvalue()


def test_frame_from_archive_computes_the_columns():
    row = [-122.25, 37.5, 41, 880, 129, 322, 126, 8.3252, 452600]
    lines = california.frame_from_archive(archive(np.array([row]))).decode().splitlines()
    assert lines[0] == HEADER
    values = [8.3252, 41.0, 880 / 126, 129 / 126, 322.0, 322 / 126, 37.5, -122.25, 4.526]
    assert lines[1] == ",".join(map(repr, values))


def test_frame_from_archive_is_the_known_file_byte_for_byte(real_data):
    path = real_data / "california-housing" / california.FILE
    frame = np.loadtxt(path, delimiter=",", skiprows=1)
    income, age, rooms, bedrooms, population, occupation, latitude, longitude, value = frame.T
    households = (population / occupation).round()
    columns = [longitude, latitude, age, (rooms * households).round(), (bedrooms * households).round()]
    original = np.stack([*columns, population, households, income, (value * 100_000).round()], axis=1)
    assert california.frame_from_archive(archive(original)) == path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "a,b\n1,2\n",
        HEADER + "\n1,2,3\n",
        HEADER + "\n1,2,3,4,5,6,7,8,x\n",
        HEADER.replace("MedInc", "Income"),
    ],
)
def test_read_frame_refuses_by_name(tmp_path, content):
    path = tmp_path / california.FILE
    path.write_text(content)
    with pytest.raises(DataError, match=r"california_housing\.csv: .*expected columns MedInc,HouseAge"):
        california.read_frame(path)


def test_a_truncated_table_is_refused(real_data, tmp_path):
    original = (real_data / "california-housing" / california.FILE).read_bytes()
    (tmp_path / "california-housing").mkdir()
    (tmp_path / "california-housing" / california.FILE).write_bytes(
        original[: original.rindex(b"\n", 0, 90_000) + 1]
    )
    with pytest.raises(DataError, match=r"california_housing\.csv: damaged, truncated"):
        data.load("california-housing", tmp_path)


def tutorials_rows() -> dict[str, np.ndarray]:
    from sklearn.model_selection import train_test_split

    rest, test = train_test_split(np.arange(20640), random_state=7)
    train, validation = train_test_split(rest, random_state=11)
    return {"train": train, "validation": validation, "test": test}


def test_the_tutorials_splits(real_data):
    dataset = data.load("california-housing", real_data)
    frame = np.loadtxt(real_data / "california-housing" / california.FILE, delimiter=",", skiprows=1)
    for name, rows in tutorials_rows().items():
        split = getattr(dataset, name)
        np.testing.assert_array_equal(split.inputs["rows"], frame[rows, :8].astype(np.float32))
        np.testing.assert_array_equal(split.targets["value"][:, 0], frame[rows, 8].astype(np.float32))


def test_two_inputs_and_two_outputs_of_the_same_rows(real_data):
    one, two = (data.load(f"california-housing{name}", real_data) for name in ("", "-two"))
    columns = {taken.name: taken.columns for taken in two.inputs}
    assert columns["place"] == ("Latitude", "Longitude") and len(columns["house"]) == 6
    rows = one.test.inputs["rows"]
    for name, values in two.test.inputs.items():
        np.testing.assert_array_equal(values, rows[:, [california.COLUMNS.index(c) for c in columns[name]]])
    np.testing.assert_array_equal(two.test.targets["value"], one.test.targets["value"])
    # The median is that of the training split: the class is half of it, and not of the others.
    assert abs(two.train.targets["above"].mean() - 0.5) < 1e-3
    median = np.median(one.train.targets["value"])
    np.testing.assert_array_equal(two.test.targets["above"], one.test.targets["value"][:, 0] > median)
    assert {output.name: output.task for output in two.outputs} == {"value": "regression", "above": "binary"}
