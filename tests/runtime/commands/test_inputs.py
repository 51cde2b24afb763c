"""Inputs on a command line: files, numbers and texts, for one input and for several."""

import re

import numpy as np
import pytest
from PIL import Image

from runtime.commands.inputs import given_inputs, joined, split_name
from runtime.errors import InputError, UsageError
from tests.bundles import npz
from tests.runtime.commands.records import IMAGE, STEPS, TABLE, TENSOR, TEXT, by_name, write

ONE = by_name(TABLE)
THREE = by_name(IMAGE, TABLE, TEXT)


def test_a_name_is_one_that_is_known():
    assert split_name("rows=a=b.csv", ONE) == ("rows", "a=b.csv")
    assert split_name("other=a.csv", ONE) == (None, "other=a.csv")
    assert split_name("rows", ONE) == (None, "rows")


def test_each_file_for_one_input_stands_by_itself(tmp_path):
    one, two = write(tmp_path, "a.csv", "1,2,3\n"), write(tmp_path, "b.csv", "1,2,3\n4,5,6\n")
    found = given_inputs([str(one), f"rows={two}"], ["8.3 41 -6.9"], [], ONE)
    assert [given.source for given in found] == [str(one), f"rows={two}", "8.3 41 -6.9"]
    assert [given.rows for given in found] == [1, 2, 1]
    assert found[2].values["rows"].tolist() == [[8.3, 41, -6.9]]


@pytest.mark.parametrize("text", ["1 2 3", "1,2,3", "1, 2, 3", " 1\t2\n3 ", "rows=1 2 3", "1e0 2.0 +3"])
def test_numbers_are_parted_by_spaces_or_commas(text):
    (found,) = given_inputs([], [text], [], ONE)
    assert found.values["rows"].tolist() == [[1, 2, 3]]


def test_numbers_come_in_the_dtype_and_shape_of_their_input():
    (found,) = given_inputs([], ["1 2 3 4"], [], by_name(STEPS))
    assert found.values["steps"].tolist() == [[1, 2, 3, 4]] and found.values["steps"].dtype == np.int64
    (found,) = given_inputs([], ["1 2 3 4 5 6"], [], by_name(TENSOR))
    assert found.values["state"].shape == (1, 2, 3)
    (found,) = given_inputs([], [" ".join(["7"] * 64)], [], by_name(IMAGE), invert=True)
    assert (found.values["image"] == 248).all() and found.source.endswith("…") and len(found.source) == 60


def test_a_text_is_given_straight():
    (found,) = given_inputs([], [], ["a film to remember"], by_name(TEXT))
    assert found == ("a film to remember", {"words": ["a film to remember"]}, [], None)
    assert found.rows == 1


def test_several_inputs_are_joined_by_name(tmp_path):
    Image.new("L", (16, 16)).save(tmp_path / "a.png")
    found = given_inputs([f"image={tmp_path / 'a.png'}"], ["rows=1 2 3"], ["words=a film"], THREE)
    (given,) = found
    assert given.source == f"image={tmp_path / 'a.png'} rows=1 2 3 words=a film" and given.rows == 1
    assert list(given.values) == ["image", "rows", "words"]
    assert given.values["words"] == ["a film"] and given.notes == [
        f"image={tmp_path / 'a.png'}: resized from 16x16 to 8x8"
    ]


def test_several_inputs_come_in_one_file_too(tmp_path):
    arrays = {"image": np.zeros((2, 8, 8), np.uint8), "rows": np.ones((2, 3)), "words": np.array(["a", "b"])}
    path = write(tmp_path, "a.npz", npz(**arrays))
    given = joined([str(path)], THREE)
    assert given.rows == 2 and given.values["words"] == ["a", "b"]


def test_each_picture_of_a_folder_is_a_row_of_its_own_name(tmp_path):
    for name in ("b/1.png", "a/2.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", (16, 16)).save(tmp_path / name)
    (found,) = given_inputs([str(tmp_path)], [], [], by_name(IMAGE))
    assert found.rows == 2 and found.names == [f"{tmp_path}/a/2.png", f"{tmp_path}/b/1.png"]
    assert found.notes == [f"{tmp_path}: resized from 16x16 to 8x8 (2 of 2 pictures)"]
    with pytest.raises(
        InputError, match="a folder of pictures; the input rows takes rows of depth, width, height"
    ):
        given_inputs([str(tmp_path)], [], [], ONE)


def test_invert_is_for_the_images_among_the_inputs(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    (found,) = given_inputs([f"image={tmp_path / 'a.png'}"], ["rows=1 2 3"], ["words=a"], THREE, invert=True)
    assert (found.values["image"] == 255).all() and found.values["rows"].tolist() == [[1, 2, 3]]


@pytest.mark.parametrize(
    ("inputs", "files", "values", "texts", "words"),
    [
        (ONE, [], [], [], "nothing to answer; give a FILE, --values or --text"),
        (ONE, [], ["1 two 3"], [], "--values 1 two 3: 'two' is not a number; give numbers with spaces"),
        (ONE, [], [" "], [], "holds nothing; give numbers"),
        (ONE, [], [], ["a text"], "--text a text: the input rows takes no text; it is of the kind table"),
        (THREE, [], ["1 2 3"], [], "--values 1 2 3: the model takes image, rows, words; say which by NAME= in front"),
        (THREE, [], [], ["a text"], "--text a text: the model takes image, rows, words; say which by NAME= in front"),
        (THREE, [], ["rows=1 2 3"], [], "rows=1 2 3: the input image, words is missing; give image=FILE words=FILE"),
        (THREE, [], ["rows=1 2 3", "rows=4 5 6"], [], "rows=4 5 6: the input rows is given twice; give each once"),
    ],
)  # fmt: skip
def test_what_is_for_no_input_or_not_enough_is_a_wrong_use(inputs, files, values, texts, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        given_inputs(files, values, texts, inputs)


def test_a_wrong_count_of_numbers_is_refused():
    words = "--values 1 2: 1 line of 2 numbers; the input rows takes 3 a line: depth, width, height"
    with pytest.raises(InputError, match=re.escape(words)):
        given_inputs([], ["1 2"], [], ONE)


def test_invert_without_an_image_is_a_wrong_use():
    with pytest.raises(
        UsageError, match="--invert is for images; this model takes rows, none of which is one"
    ):
        given_inputs([], ["1 2 3"], [], ONE, invert=True)


def test_rows_must_belong_together(tmp_path):
    two = write(tmp_path, "a.txt", "one\ntwo\n")
    image = write(tmp_path, "a.npz", npz(image=np.zeros((1, 8, 8), np.uint8)))
    (found,) = given_inputs([f"words={two}", f"image={image}"], ["rows=1 2 3"], [], THREE)
    with pytest.raises(InputError, match="rows do not belong together: 2 of words, 1 of image, 1 of rows"):
        _ = found.rows


def test_a_single_number_is_no_row(tmp_path):
    np.save(tmp_path / "a.npy", 3.0)
    (found,) = given_inputs([str(tmp_path / "a.npy")], [], [], ONE)
    with pytest.raises(
        InputError, match=r"rows is a single number, not an array of rows; give it as \[1, …\]"
    ):
        _ = found.rows


def test_what_belongs_together_is_given_once(tmp_path):
    path = write(tmp_path, "a.csv", "1,2,3\n")
    with pytest.raises(UsageError, match=r"the inputs are in .*a\.csv already; give them once"):
        joined([str(path), str(path)], ONE)
