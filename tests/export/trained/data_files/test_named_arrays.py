"""Arrays by name: which is which, what they must be, and what is missing."""

from pathlib import Path

import numpy as np
import pytest

from export.trained.data_files.named_arrays import from_arrays, read_npy_file, read_npz_file
from runtime.bundle.manifest import InputRecord
from runtime.errors import DataError
from tests.export.trained.data_files.conftest import CLASSES, wanted

IMAGES = np.arange(3 * 24, dtype=np.uint8).reshape(3, 6, 4, 1)
PHOTOS = np.repeat(IMAGES, 3, axis=3)
WORDS = np.arange(15).reshape(3, 5) % 10


def test_one_input_and_one_output_need_no_names(photos, tmp_path):
    np.savez(tmp_path / "d.npz", inputs=PHOTOS, targets=[0, 1, 2], more=np.zeros(1))
    found = read_npz_file(tmp_path / "d.npz", photos)
    np.testing.assert_array_equal(found.inputs["image"], PHOTOS)
    assert found.inputs["image"].dtype == np.uint8
    assert (found.targets["kind"].tolist(), found.targets["kind"].dtype) == ([0, 1, 2], np.int64)


def test_the_only_array_needs_no_name_where_there_is_one_input(photos, several, tmp_path):
    np.savez(tmp_path / "d.npz", PHOTOS)
    found = read_npz_file(tmp_path / "d.npz", photos)
    np.testing.assert_array_equal(found.inputs["image"], PHOTOS)
    np.savez(tmp_path / "two.npz", PHOTOS, [0, 1, 2])
    with pytest.raises(DataError, match="has no array image or inputs; it has arr_0, arr_1"):
        read_npz_file(tmp_path / "two.npz", photos)
    with pytest.raises(DataError, match="it has arr_0; expected image=…"):
        read_npz_file(tmp_path / "d.npz", several)


@pytest.mark.parametrize("target", ["kind", "targets_kind", "targets"])
def test_names_of_the_model_are_taken_too(photos, target):
    found = from_arrays(Path("--test"), {"image": PHOTOS, target: ["bee", "ant", "bee"]}, photos)
    assert found.targets["kind"].tolist() == [1, 0, 1]


@pytest.mark.parametrize("words", ["words:0", "words_0"])
def test_several_inputs_are_bound_by_either_of_their_names(several, words):
    found = from_arrays(
        Path("--test"),
        {"targets_price": [[1.5], [2], [3]], words: WORDS, "kind": [2, 1, 0], "image": IMAGES[..., 0]},
        several,
    )
    assert {name: (values.shape, str(values.dtype)) for name, values in found.inputs.items()} == {
        "image": ((3, 6, 4, 1), "uint8"),
        "words_0": ((3, 5), "int32"),
    }
    assert found.targets["price"].tolist() == [[1.5], [2], [3]] and found.targets["price"].dtype == np.float32
    assert found.targets["kind"].tolist() == [2, 1, 0]


def test_a_reconstruction_may_have_targets_of_its_own(several):
    arrays = {"image": IMAGES, "words_0": WORDS, "targets_again": IMAGES / 255}
    found = from_arrays(Path("--test"), arrays, several)
    assert list(found.targets) == ["again"] and found.targets["again"].dtype == np.float32


def test_without_targets_there_are_none(photos):
    assert from_arrays(Path("--calibration"), {"inputs": PHOTOS}, photos).targets == {}


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (
            {"x": PHOTOS},
            "d.npz has no array image or inputs; it has x; expected inputs=…, targets=…",
        ),
        ({}, "d.npz has no array image or inputs; it has none; expected inputs=…, targets=…"),
        ({"inputs": PHOTOS, "targets": [0, 1]}, "d.npz: targets of kind: 3 outputs of the shape [3]"),
        ({"inputs": PHOTOS, "targets": [0, 1, 3]}, "d.npz: targets of kind: targets from 0 to 3"),
        (
            {"inputs": PHOTOS, "targets": ["ant", "bee", "dog"]},
            "d.npz: targets of kind: 'dog' is none of the classes ant, bee, cat; give their names with --labels",
        ),
        (
            {"inputs": PHOTOS[:0]},
            "d.npz: every input needs the same number of rows, at least one; it has image: 0",
        ),
        ({"inputs": PHOTOS[:, :5]}, "d.npz: image: "),
        ({"inputs": PHOTOS / 255}, "d.npz: image: "),
        ({"inputs": PHOTOS.astype(np.int64) + 200}, "d.npz: image: "),
        ({"inputs": np.array(["a"])}, "d.npz: image: "),
    ],
)
def test_what_does_not_fit_is_refused_by_name(photos, arrays, words):
    with pytest.raises(DataError) as caught:
        from_arrays(Path("d.npz"), arrays, photos)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (
            {"image": IMAGES, "words_0": WORDS[:2]},
            "d.npz: every input needs the same number of rows, at least one; it has image: 3, words:0: 2",
        ),
        ({"image": IMAGES}, "d.npz has no array words_0 or words:0; it has image"),
        ({"image": IMAGES, "words_0": WORDS * 2}, "d.npz: words:0: "),
        (
            {"image": IMAGES, "words_0": WORDS, "targets": [0, 1, 2]},
            "d.npz has an array targets, and the model has several outputs; call the targets targets_kind, "
            "targets_price",
        ),
    ],
)
def test_what_does_not_fit_several_is_refused_by_name(several, arrays, words):
    with pytest.raises(DataError) as caught:
        from_arrays(Path("d.npz"), arrays, several)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("shape", "remedy"),
    [
        ((6, 4, 3), "; if they are pixels, add --pixels 0-255 for raw ones, 0-1 where they were divided by 255, "
                    "-1-1, or imagenet"),
        ((6, 4, 3, 1), ""),
    ],
)  # fmt: skip
def test_whole_numbers_for_floats_may_be_pixels_where_the_shape_is_an_images(shape, remedy):
    taken = wanted([InputRecord("tensor", "x", shape, "float")], [CLASSES])
    with pytest.raises(DataError) as caught:
        from_arrays(Path("d.npz"), {"x": np.zeros((2, *shape), np.uint8)}, taken)
    assert str(caught.value) == (
        "d.npz: x: the values are uint8; this model takes floating-point numbers: give it float32, scaled as the "
        f"model was trained{remedy}"
    )


def test_an_npy_file_is_one_input(photos, several, tmp_path):
    np.save(tmp_path / "d.npy", PHOTOS)
    np.testing.assert_array_equal(read_npy_file(tmp_path / "d.npy", photos).inputs["image"], PHOTOS)
    with pytest.raises(DataError) as caught:
        read_npy_file(tmp_path / "d.npy", several)
    assert str(caught.value) == (
        f"{tmp_path / 'd.npy'}: an .npy file is for a model of one input, and this has image, words:0; give an .npz "
        "file with an array for each"
    )


@pytest.mark.parametrize("name", ["d.npz", "d.npy"])
def test_damaged_files_are_named(photos, tmp_path, name):
    (tmp_path / name).write_bytes(b"\x93NUMPY and nothing")
    read = read_npz_file if name.endswith("z") else read_npy_file
    with pytest.raises(DataError, match=rf"{name} cannot be read \(.+\); write it with numpy\.save"):
        read(tmp_path / name, photos)
