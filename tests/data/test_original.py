"""A trained model's folder: what is written is read back, whole or not at all, and damage is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data import Split
from data.original import Original, read_original, read_record, write_original
from data.trained_model import Source
from runtime.errors import EdgeProofError, ModelError
from tests.data.test_trained_model import CLASSIFIER

DIABETES = Path(__file__).parents[2] / "artifacts" / "diabetes-mlp"
REMEDY = (
    "restore it, or make it again: python -m train MODEL, or python -m export PATH for a model of your own"
)
IMAGES = {"image": np.arange(3 * 64, dtype=np.uint8).reshape(3, 8, 8, 1) % 17}
OUTPUTS = {"probabilities": np.float32([[1, 0], [0, 1], [0.5, 0.5]])}
TARGETS = {"probabilities": np.array([0, 1, 1])}
FILES = {"model.keras": b"a model"}


def write(folder, **arrays):
    return write_original(folder, CLASSIFIER, FILES, (IMAGES, OUTPUTS), **arrays)


def same(found, expected):
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype
    return True


def test_everything_written_is_read_back(tmp_path):
    folder = tmp_path / "below" / "small"
    first = {"image": IMAGES["image"][:2]}
    written = write(
        folder,
        reference=OUTPUTS,
        calibration=first,
        test_data=Split(IMAGES, TARGETS),
        pictures={"a.png": b"a"},
    )
    found = read_original(folder)
    assert found == written
    assert found.record == replace(CLASSIFIER, sha256=found.record.sha256)
    assert list(found.record.sha256) == ["model.keras", "reference.npz", "golden.npz", "samples.npz"]
    assert (found.name, found.model.read_bytes()) == ("small", b"a model")
    inputs, outputs = found.golden()
    assert same(inputs, IMAGES) and same(outputs, OUTPUTS)
    assert same(found.reference(), OUTPUTS) and same(found.calibration(), first)
    assert same(found.test_data().inputs, IMAGES) and same(found.test_data().targets, TARGETS)
    assert (folder / "a.png").read_bytes() == b"a"


def test_what_was_not_given_is_none(tmp_path):
    found = write(tmp_path)
    assert found.reference() is found.calibration() is found.test_data() is None
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "golden.npz", "training.json"}


def test_images_to_calibrate_with_are_no_test_data(tmp_path):
    found = write(tmp_path, calibration=IMAGES)
    assert same(found.calibration(), IMAGES)
    assert found.test_data() is None


def test_test_data_without_targets_are_kept_and_calibrate_nothing(tmp_path):
    found = write(tmp_path, reference=OUTPUTS, test_data=Split(IMAGES, {}))
    assert same(found.test_data().inputs, IMAGES)
    assert found.test_data().targets == {}
    assert found.calibration() is None


def test_what_an_earlier_model_left_in_the_folder_is_removed(tmp_path):
    files = {
        "saved_model/saved_model.pb": b"graph",
        "saved_model/variables/a.index": b"a",
        "vocabulary.txt": b"a",
    }
    record = replace(CLASSIFIER, source=Source(file="saved_model"))
    first = write_original(
        tmp_path, record, files, (IMAGES, OUTPUTS), OUTPUTS, IMAGES, Split(IMAGES, TARGETS)
    )
    assert first.model == tmp_path / "saved_model" and read_original(tmp_path) == first
    fewer = {name: content for name, content in files.items() if name.endswith(".pb")}
    write_original(tmp_path, record, fewer, (IMAGES, OUTPUTS))
    assert [path.name for path in (tmp_path / "saved_model").rglob("*") if path.is_file()] == [
        "saved_model.pb"
    ]
    (tmp_path / "notes.txt").write_text("the user's own")
    write(tmp_path)
    found = read_original(tmp_path)
    assert found.reference() is found.calibration() is found.test_data() is None
    assert {path.name for path in tmp_path.iterdir()} == {
        "model.keras",
        "golden.npz",
        "training.json",
        "notes.txt",
    }


def test_a_file_of_a_saved_model_that_changed_is_named(tmp_path):
    record = replace(CLASSIFIER, source=Source(file="saved_model"))
    write_original(tmp_path, record, {"saved_model/saved_model.pb": b"graph"}, (IMAGES, OUTPUTS))
    (tmp_path / "saved_model" / "saved_model.pb").write_bytes(b"other")
    assert message(tmp_path) == (
        f"{tmp_path / 'saved_model' / 'saved_model.pb'} is not the file that training.json was recorded with (SHA-256 "
        f"differs); {REMEDY}"
    )


def test_arrays_of_other_names_are_refused(tmp_path):
    found = write_original(tmp_path, CLASSIFIER, FILES, ({"picture": IMAGES["image"]}, OUTPUTS))
    with pytest.raises(ModelError) as caught:
        found.golden()
    assert str(caught.value) == f"{tmp_path / 'golden.npz'} holds no array inputs/image; {REMEDY}"


@pytest.mark.parametrize("file", ["model.keras", "golden.npz", "training.json"])
def test_a_full_disk_leaves_the_old_record(tmp_path, monkeypatch, file):
    write(tmp_path)
    before = (tmp_path / "training.json").read_bytes()

    def full(path, content):
        if path.name == file:
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("data.original.write_file", full)
    with pytest.raises(EdgeProofError) as caught:
        write_original(tmp_path, replace(CLASSIFIER, seed=8), {"model.keras": b"another"}, (IMAGES, OUTPUTS))
    assert str(caught.value) == (
        f"cannot write {tmp_path}: No space left on device; give a folder that can be written with --out"
    )
    assert (tmp_path / "training.json").read_bytes() == before


def test_a_record_that_would_be_refused_leaves_the_folder_alone(tmp_path):
    with pytest.raises(ModelError, match="its record cannot be written: 'parameters' is -1"):
        write_original(tmp_path / "new", replace(CLASSIFIER, parameters=-1), FILES, (IMAGES, OUTPUTS))
    assert not (tmp_path / "new").exists()


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(DIABETES, tmp_path / "diabetes-mlp", ignore=shutil.ignore_patterns("bundle"))


def message(folder):
    with pytest.raises(ModelError) as caught:
        read_original(folder)
    return str(caught.value)


def test_a_missing_file_is_named(copied):
    (copied / "golden.npz").unlink()
    assert message(copied) == f"{copied / 'golden.npz'} is missing; {REMEDY}"


def test_another_file_is_named(copied):
    path = copied / "reference.npz"
    path.write_bytes(path.read_bytes()[:50])
    assert message(copied) == (
        f"{path} is not the file that training.json was recorded with (SHA-256 differs); {REMEDY}"
    )


def test_a_missing_record_is_named(tmp_path):
    assert message(tmp_path) == (
        f"{tmp_path / 'training.json'} cannot be read (No such file or directory); {REMEDY}"
    )


def test_a_wrong_field_is_named_with_its_file(copied):
    path = copied / "training.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"parameters": "406"}))
    assert message(copied) == (
        f"{path} is not a training record: 'parameters' must be a whole number, not a string; {REMEDY}"
    )


def test_arrays_damaged_after_the_folder_was_read_are_named(copied):
    found = read_original(copied)
    (copied / "golden.npz").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        found.golden()
    assert str(caught.value) == (
        f"{copied / 'golden.npz'} cannot be read (it is not an .npz archive); {REMEDY}"
    )


def test_the_record_alone_needs_no_other_file(copied):
    (copied / "model.keras").unlink()
    record = read_record(copied)
    assert record.metrics["value"].value == pytest.approx(53.23197356388946)
    assert Original(copied, record).model == copied / "model.keras"
