"""What goes in and what comes out is read as docs/bundle.md says, and nothing else."""

import json

import pytest

from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.bundle.signature_json import inputs_to_json, outputs_to_json, read_inputs, read_outputs
from runtime.bundle.strict_json import parse_object
from runtime.errors import BundleError
from tests.bundles import SEVERAL_INPUTS, SEVERAL_OUTPUTS

IMAGE = {"kind": "image", "shape": [8, 8, 1], "dtype": "uint8", "low": 0, "high": 255}
TABLE = {"kind": "table", "shape": [2], "dtype": "float", "columns": ["a", "b"]}
SEQUENCE = {"kind": "sequence", "shape": [4, 2], "dtype": "int32", "low": -1, "high": 9}
TEXT = {"kind": "text", "shape": [5], "dtype": "int32", "low": 0, "high": 7, "vocabulary": "words.txt"}
TENSOR = {"kind": "tensor", "shape": [], "dtype": "bool"}
CLASSES = {"task": "classification", "shape": [2], "dtype": "float32", "labels": ["no", "yes"]}
BINARY = {"task": "binary", "shape": [4, 1], "dtype": "float32", "labels": ["no", "yes"]}
LABELS = {"task": "multilabel", "shape": [1], "dtype": "float32", "labels": ["red"]}
VALUES = {
    "task": "regression",
    "shape": [2, 1],
    "dtype": "float32",
    "columns": ["a", "b"],
    "units": [None, "m"],
}
REBUILT = {"task": "reconstruction", "shape": [8, 8, 1], "dtype": "float32", "input": "image"}
NUMBERS = {"task": "tensor", "shape": [], "dtype": "int64"}


def fields(values):
    return parse_object(json.dumps(values), "here")


def read_input(values):
    return read_inputs(fields({"x": values}))["x"]


def read_output(values):
    return read_outputs(fields({"y": values}), read_inputs(fields({"image": IMAGE})))["y"]


def test_all_kinds_are_read():
    assert read_input(IMAGE) == InputRecord("image", "x", (8, 8, 1), "uint8", 0, 255, resize="stretch")
    assert read_input(IMAGE | {"resize": "crop"}).resize == "crop"
    assert read_input(TABLE) == InputRecord("table", "x", (2,), "float", columns=("a", "b"))
    assert read_input(SEQUENCE) == InputRecord("sequence", "x", (4, 2), "int32", -1, 9)
    assert read_input(TEXT) == InputRecord("text", "x", (5,), "int32", 0, 7, vocabulary="words.txt")
    assert read_input(TENSOR) == InputRecord("tensor", "x", (), "bool")
    assert read_input(TENSOR | {"shape": [1] * 8, "dtype": "float"}).tensor.dtype == "float32"


def test_all_tasks_are_read():
    assert read_output(CLASSES) == OutputRecord("y", (2,), "classification", labels=("no", "yes"))
    assert read_output(BINARY) == OutputRecord("y", (4, 1), "binary", labels=("no", "yes"))
    assert read_output(LABELS) == OutputRecord("y", (1,), "multilabel", labels=("red",))
    assert read_output(VALUES) == OutputRecord(
        "y", (2, 1), "regression", columns=("a", "b"), units=(None, "m")
    )
    assert read_output(REBUILT) == OutputRecord("y", (8, 8, 1), "reconstruction", input="image")
    scaled = read_output(REBUILT | {"scale": [0.5], "offset": [-1]})
    assert (scaled.scale, scaled.offset) == ((0.5,), (-1.0,))
    assert read_output(NUMBERS) == OutputRecord("y", (), "tensor", "int64")
    plain = {"task": "regression", "shape": [3], "dtype": "float32"}
    assert read_output(plain) == OutputRecord("y", (3,), "regression")


def test_records_survive_the_way_through_json():
    inputs = read_inputs(fields(inputs_to_json(SEVERAL_INPUTS)))
    assert tuple(inputs.values()) == SEVERAL_INPUTS
    assert tuple(read_outputs(fields(outputs_to_json(SEVERAL_OUTPUTS)), inputs).values()) == SEVERAL_OUTPUTS
    rebuilt = OutputRecord("y", (8, 8, 1), "reconstruction", input="image", scale=(1 / 255,), offset=(-0.5,))
    given = read_inputs(fields({"image": IMAGE}))
    assert read_outputs(fields(outputs_to_json([rebuilt])), given) == {"y": rebuilt}
    written = inputs_to_json(SEVERAL_INPUTS)
    assert written["mask"] == {"kind": "tensor", "shape": [4], "dtype": "bool"}  # nothing that is not there


@pytest.mark.parametrize("name", ["", "a b", "é", "a" * 101, "a/b", "a-b", "a.b"])
def test_names_are_plain(name):
    with pytest.raises(BundleError, match="is no name of an input or output: 1 to 100 of A-Z a-z 0-9 _"):
        read_inputs(fields({name: IMAGE}))
    with pytest.raises(BundleError, match="is no name of an input or output"):
        read_outputs(fields({name: NUMBERS}), {})


def test_no_output_has_the_name_of_an_input():
    with pytest.raises(BundleError, match="'image' is the name of an input too"):
        read_outputs(fields({"image": NUMBERS}), read_inputs(fields({"image": IMAGE})))


def test_a_model_has_inputs_and_outputs():
    with pytest.raises(BundleError, match=r"^here: is empty; a model has at least one input$"):
        read_inputs(fields({}))
    with pytest.raises(BundleError, match=r"^here: is empty; a model has at least one output$"):
        read_outputs(fields({}), {})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (IMAGE | {"kind": "sound"}, "'kind' is 'sound'; known: image, table, sequence, text, tensor"),
        (IMAGE | {"shape": [8, 8]}, r"'shape' is \[8, 8\]; it must have at least 3 dimensions"),
        (IMAGE | {"shape": [8, 8, 1, 1]}, "'shape' has 4 items; at most 3"),
        (IMAGE | {"shape": [8, 8, 2]}, r"an image has \[height, width, 1 or 3\]"),
        (IMAGE | {"shape": [0, 8, 1]}, "whole numbers of at least 1"),
        (IMAGE | {"shape": [True, 8, 1]}, "whole numbers of at least 1"),
        (IMAGE | {"shape": [8, 8, None]}, "whole numbers of at least 1"),
        (IMAGE | {"shape": [1 << 20, 1 << 20, 1]}, "at most 268435456 elements"),
        (IMAGE | {"dtype": "float"}, "known: uint8"),
        (IMAGE | {"high": 256}, "'high' is 256; it must be a whole number from 0 to 255"),
        (IMAGE | {"low": -1}, "'low' is -1; it must be a whole number from 0 to 255"),
        (IMAGE | {"low": 0.5}, "'low' is 0.5; it must be a whole number"),
        (IMAGE | {"low": 255}, "'high' is 255 with low 255; needed is 0 <= low < high <= 255"),
        (IMAGE | {"low": None}, "'low' must be a number, not null"),
        (IMAGE | {"resize": "tile"}, "known: stretch, crop, pad"),
        (IMAGE | {"columns": ["a"]}, "'columns' is there, but an input of the kind image has none"),
        (IMAGE | {"vocabulary": "a.txt"}, "'vocabulary' is there, but an input of the kind image has none"),
        (TABLE | {"shape": [2, 1]}, "'shape' has 2 items; at most 1"),
        (TABLE | {"columns": ["a"]}, r"'columns' are 1, but the shape \[2\] needs 2"),
        (TABLE | {"columns": ["a", ""]}, "strings of 1 to 1000 printable characters"),
        (TABLE | {"columns": ["a", None]}, "strings of 1 to 1000 printable characters, not null"),
        (TABLE | {"dtype": "int32"}, "known: float"),
        (TABLE | {"low": 0}, "'low' is there, but an input of the kind table has none"),
        (TABLE | {"resize": "crop"}, "'resize' is there, but an input of the kind table has none"),
        (SEQUENCE | {"shape": [1, 1, 1]}, "'shape' has 3 items; at most 2"),
        (SEQUENCE | {"shape": []}, "at least 1 dimensions"),
        (SEQUENCE | {"dtype": "float32"}, "known: float, int32, int64, uint8, bool"),
        (SEQUENCE | {"dtype": "float"}, "'low' is there, but an input of the dtype float has no bounds"),
        (SEQUENCE | {"dtype": "bool"}, "'low' is there, but an input of the dtype bool has no bounds"),
        (SEQUENCE | {"dtype": "uint8"}, "'low' is -1; it must be a whole number from 0 to 255"),
        (SEQUENCE | {"high": 1 << 31}, "'high' is 2.14748e.09; it must be a whole number from -2147483648"),
        (SEQUENCE | {"dtype": "int64", "high": (1 << 53) + 2}, "from -9007199254740992 to 9007199254740992"),
        (SEQUENCE | {"low": 10}, "'low' is 10, above high, which is 9"),
        (TEXT | {"shape": [5, 1]}, "'shape' has 2 items; at most 1"),
        (TEXT | {"dtype": "uint8"}, "known: int32, int64"),
        (TEXT | {"low": 1}, "'low' must be 0 and high at least 1"),
        (TEXT | {"high": 0}, "'low' must be 0 and high at least 1"),
        (TEXT | {"high": None}, "'high' must be a number, not null"),
        (TEXT | {"vocabulary": "../words.txt"}, "not a safe path inside the bundle"),
        (TEXT | {"vocabulary": None}, "'vocabulary' must be a string"),
        (TENSOR | {"shape": [1] * 9}, "'shape' has 9 items; at most 8"),
        (TENSOR | {"dtype": "float16"}, "known: float, int32"),
    ],
)
def test_inputs_outside_the_limits_are_refused(values, words):
    with pytest.raises(BundleError, match=f"here: x: .*{words}"):
        read_input(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (CLASSES | {"task": "clustering"}, "known: classification, binary, multilabel, regression"),
        (CLASSES | {"dtype": "int32"}, "known: float32"),
        (CLASSES | {"labels": ["no"]}, r"'labels' are 1, but the shape \[2\] needs 2"),
        (CLASSES | {"labels": None}, "'labels' must be a list, not null"),
        (CLASSES | {"labels": ["no", 3]}, "strings of 1 to 1000 printable characters, not a number"),
        (CLASSES | {"labels": ["no", "a\x1b[2J"]}, "printable"),
        (CLASSES | {"shape": [1], "labels": ["no"]}, "'labels' are 1; a classification has at least two"),
        (CLASSES | {"shape": []}, "at least 1 dimensions"),
        (CLASSES | {"shape": [1 << 20, 1 << 20]}, "at most 268435456 elements"),
        (
            CLASSES | {"units": ["m", "m"]},
            "'units' is there, but an output of the task classification has none",
        ),
        (BINARY | {"shape": [2]}, r"'shape' is \[2\]; a binary output has the shape \[…, 1\]"),
        (BINARY | {"labels": ["yes"]}, "'labels' are 1, but the shape .* needs 2"),
        (BINARY | {"input": "image"}, "'input' is there, but an output of the task binary has none"),
        (LABELS | {"labels": []}, "'labels' are 0"),
        (LABELS | {"columns": ["a"]}, "'columns' is there, but an output of the task multilabel has none"),
        (VALUES | {"columns": ["a"]}, r"'columns' are 1, but the shape \[2, 1\] needs 2"),
        (VALUES | {"units": ["m"]}, r"'units' are 1, but the shape \[2, 1\] needs 2"),
        (VALUES | {"units": ["m", 1]}, "strings of 1 to 1000 printable characters"),
        (VALUES | {"labels": ["a", "b"]}, "'labels' is there, but an output of the task regression has none"),
        (VALUES | {"dtype": "int64"}, "known: float32"),
        (REBUILT | {"input": "other"}, r"'input' is 'other'; it must name an input of the shape \[8, 8, 1\]"),
        (REBUILT | {"shape": [8, 8]}, r"it must name an input of the shape \[8, 8\]"),
        (REBUILT | {"scale": [1]}, "'offset' is missing"),
        (REBUILT | {"offset": [1]}, "'scale' is missing"),
        (REBUILT | {"scale": 1, "offset": [0]}, "'scale' must be a list, not a number"),
        (REBUILT | {"scale": [], "offset": [0]}, r"'scale' are 0 numbers, but the shape \[8, 8, 1\] needs 1"),
        (REBUILT | {"scale": [1, 1], "offset": [0]}, "'scale' has 2 items; at most 1"),
        (REBUILT | {"scale": [True], "offset": [0]}, "'scale' must be a number, not true or false"),
        (REBUILT | {"scale": [0], "offset": [0]}, "'scale' holds 0"),
        (REBUILT | {"scale": [1], "offset": [1e31]}, "'offset' must hold numbers up to 1e"),
        (VALUES | {"scale": [1]}, "'scale' is there, but an output of the task regression has none"),
        (NUMBERS | {"dtype": "float"}, "known: float32, int32, int64, uint8, bool"),
        (NUMBERS | {"shape": [1] * 9}, "'shape' has 9 items; at most 8"),
        (NUMBERS | {"labels": ["a"]}, "'labels' is there, but an output of the task tensor has none"),
    ],
)
def test_outputs_outside_the_limits_are_refused(values, words):
    with pytest.raises(BundleError, match=f"here: y: .*{words}"):
        read_output(values)


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        (IMAGE, ["kind", "shape", "dtype", "low", "high"]),
        (TABLE, ["columns"]),
        (TEXT, ["low", "high", "vocabulary"]),
    ],
)
def test_every_key_of_an_input_is_required(values, keys):
    for key in keys:
        with pytest.raises(BundleError, match=f"{key}' is missing"):
            read_input({name: value for name, value in values.items() if name != key})


@pytest.mark.parametrize(
    ("values", "keys"), [(CLASSES, ["task", "shape", "dtype", "labels"]), (REBUILT, ["input"])]
)
def test_every_key_of_an_output_is_required(values, keys):
    for key in keys:
        with pytest.raises(BundleError, match=f"{key}' is missing"):
            read_output({name: value for name, value in values.items() if name != key})
