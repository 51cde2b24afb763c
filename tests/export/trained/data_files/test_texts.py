"""Texts: in a file of lines, a column of a table, or an array."""

from pathlib import Path

import numpy as np
import pytest

from data.dataset import table_input
from export.trained.data_files.read import read
from export.trained.data_files.wanted import Wanted
from export.trained.names import public_names
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import DataError
from tests.export.trained.data_files.conftest import PRICE, wanted

TEXT = InputRecord("text", "review", (4,), "int32", 0, 4, vocabulary="vocabulary.txt")
MOOD = OutputRecord("mood", (1,), "binary", labels=("bad", "good"))
NUMBERS = [[2, 4, 0, 0], [3, 1, 2, 4]]


@pytest.fixture
def reviews():
    words = {"vocabulary.txt": b"the\na\nfilm\n"}
    return Wanted((TEXT,), (MOOD,), public_names(["review"], ["mood"]), ("mood",), words)


def test_one_text_a_line(tmp_path, reviews):
    (tmp_path / "d.txt").write_text("The film!\n\na silly the FILM of\n")
    found = read(tmp_path / "d.txt", reviews, "--calibration")
    assert found.inputs["review"].tolist() == NUMBERS and found.inputs["review"].dtype == np.int32
    assert found.targets == {}


def test_a_column_of_a_table(tmp_path, reviews):
    (tmp_path / "d.csv").write_text('mood,review\ngood,The film!\nbad,"a silly, the FILM of"\n')
    found = read(tmp_path / "d.csv", reviews, "--test")
    assert found.inputs["review"].tolist() == NUMBERS
    assert found.targets["mood"].tolist() == [1, 0]


def test_an_array_of_texts_or_of_numbers(tmp_path, reviews):
    np.savez(tmp_path / "d.npz", inputs=np.array(["The film!", "a silly the film of"]), mood=["good", "bad"])
    assert read(tmp_path / "d.npz", reviews, "--test").inputs["review"].tolist() == NUMBERS
    assert read({"review": np.array(NUMBERS)}, reviews, "--test").inputs["review"].tolist() == NUMBERS
    with pytest.raises(DataError, match="--test: review: "):
        read({"review": np.array(NUMBERS) + 1}, reviews, "--test")


def test_lines_are_for_texts(tmp_path):
    (tmp_path / "d.txt").write_text("1\n")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "d.txt", wanted([table_input(["a"])], [PRICE]), "--test")
    assert str(caught.value) == (
        f"{tmp_path / 'd.txt'}: a .txt file is for texts, and rows takes tables; give the words of the texts with "
        "--vocabulary, or an .npz file"
    )


def test_a_file_that_is_no_text_is_named(tmp_path, reviews):
    Path(tmp_path / "d.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"d\.txt cannot be read \(.+\); give a text file, one text a line"):
        read(tmp_path / "d.txt", reviews, "--test")
