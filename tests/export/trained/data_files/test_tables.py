"""Tables: columns by name, targets, and what is no number."""

import numpy as np
import pytest

from data.dataset import table_input
from export.trained.data_files.tables import columns, read_csv_file
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import DataError, UsageError
from tests.export.trained.data_files.conftest import CLASSES, PRICE, wanted


@pytest.fixture
def csv(tmp_path):
    def write(text):
        (tmp_path / "d.csv").write_text(text, "utf-8")
        return tmp_path / "d.csv"

    return write


def test_columns_are_bound_by_name(csv, rows):
    path = csv("b,price,a\n1,10,2\n3,30.5,4\n")
    assert columns(path, ("price",)) == ("b", "a")
    found = read_csv_file(path, rows)
    assert found.inputs["rows"].tolist() == [[2, 1], [4, 3]] and found.inputs["rows"].dtype == np.float32
    assert found.targets["price"].tolist() == [[10], [30.5]]


def test_an_input_without_names_takes_the_columns_in_their_order(csv):
    path = csv("\ufeffx,y\n1,2\n")
    found = read_csv_file(path, wanted([table_input(["column 0", "column 1"])], [PRICE]))
    assert found.inputs["rows"].tolist() == [[1, 2]] and found.targets == {}


def test_classes_may_be_names_or_numbers(csv):
    model = wanted([table_input(["a"])], [CLASSES], ["kind"])
    assert read_csv_file(csv("a,kind\n1,bee\n2,ant\n"), model).targets["kind"].tolist() == [1, 0]
    for numbers in (
        "1,2\n2,0",
        "1,2.\n2,+.0",
        "1,2.0e+00\n2,0.000E+00",
    ):  # the last as numpy.savetxt writes them
        assert read_csv_file(csv(f"a,kind\n{numbers}\n"), model).targets["kind"].tolist() == [2, 0]


def test_several_targets_of_one_output_and_of_several(csv):
    path = csv("a,p,q\n1,5,6\n2,7,8\n")
    two = OutputRecord("pq", (2,), "regression", columns=("p", "q"))
    found = read_csv_file(path, wanted([table_input(["a"])], [two], ["p", "q"]))
    assert found.targets["pq"].tolist() == [[5, 6], [7, 8]]
    outputs = [PRICE, CLASSES]
    path = csv("a,kind,price\n1,bee,6\n2,ant,8\n")
    found = read_csv_file(path, wanted([table_input(["a"])], outputs, ["price", "kind"]))
    assert (found.targets["price"].tolist(), found.targets["kind"].tolist()) == ([[6], [8]], [1, 0])


def test_whole_numbers_for_a_sequence(csv):
    model = wanted([InputRecord("sequence", "tokens", (2,), "int32", low=0, high=9)], [PRICE])
    found = read_csv_file(csv("t1,t2\n1,2\n"), model)
    assert found.inputs["tokens"].dtype == np.int32
    with pytest.raises(DataError, match="tokens: "):
        read_csv_file(csv("t1,t2\n1,2.5\n"), model)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("a,b,price\n1,x,3\n", DataError, ": line 2, column b is 'x'; every value must be a number"),
        ("a,b,price\n1,2,3\n1,,3\n", DataError, ": line 3, column b is ''; every value must be a number"),
        ("a,b,price\n1,nan,3\n", DataError, ": line 2, column b is 'nan'; fill gaps first"),
        ("a,b,price\n1,2\n", DataError, ": row 1 has 2 values, and the columns are 3"),
        ("1,2,3\n", DataError, ": its first line is '1,2,3'; expected the names of the columns, each once"),
        ("a,a,price\n1,2,3\n", DataError, ": its first line is 'a,a,price'; expected the names"),
        ("", DataError, ": its first line is ''; expected the names"),
        ("a,b,price\n", DataError, ": "),
        ("a,b\n1,2\n", UsageError, "--target-column price: "),
        (
            "a,b,c,price\n1,2,3,4\n",
            UsageError,
            " has the columns a, b, c, and the model takes 2; leave the others out of the file",
        ),
        (
            "a,price\n1,4\n",
            UsageError,
            " has the columns a, and the model takes 2; add those that are missing",
        ),
        (
            "a;b;price\n1;2,5;3\n",
            DataError,
            ": its columns are separated by ';'; separate them by commas, with a point in numbers",
        ),
        (
            "a\tb\tprice\n1\t2\t3\n",
            DataError,
            ": its columns are separated by '\\t'; separate them by commas",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_line_and_column(csv, rows, text, error, words):
    path = csv(text)
    with pytest.raises(error) as caught:
        read_csv_file(path, rows)
    said = str(caught.value)
    assert said.startswith(words if words.startswith("--") else f"{path}{words}")


def test_a_forgotten_target_column_is_guessed_at(csv):
    with pytest.raises(
        UsageError,
        match="leave the others out of the file, and say with --target-column which of them is the target",
    ):
        read_csv_file(csv("a,b,price\n1,2,3\n"), wanted([table_input(["a", "b"])], [PRICE]))


def test_targets_that_are_no_outputs_name_are_refused(csv):
    model = wanted([table_input(["a"])], [PRICE, CLASSES], ["cost", "kind"])
    with pytest.raises(UsageError) as caught:
        read_csv_file(csv("a,cost,kind\n1,2,bee\n"), model)
    assert str(caught.value) == (
        "--target-column cost: the model has several outputs, price, kind; call the columns so"
    )


def test_a_table_is_for_one_input_of_rows(csv, photos, several):
    path = csv("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"a table is for an input of rows, and image takes \[6, 4, 3\]"):
        read_csv_file(path, photos)
    with pytest.raises(DataError, match="a table is for a model of one input, and this has image, words:0"):
        read_csv_file(path, several)


def test_a_file_that_is_no_text_is_named(tmp_path, rows):
    (tmp_path / "d.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match=r"d\.csv cannot be read"):
        read_csv_file(tmp_path / "d.csv", rows)
