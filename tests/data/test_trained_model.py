"""The record of a trained model: what is read is written again to the byte, and every wrong field is named."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from data.trained_model import DatasetRecord, MetricRecord, Source, TrainedModel, from_json, to_json
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import ModelError

COMMITTED = sorted((Path(__file__).parents[2] / "artifacts").glob("*/training.json"))
HASHES = {"model.keras": "0" * 64, "golden.npz": "1" * 64}
CLASSIFIER = TrainedModel(
    model="small",
    inputs=(InputRecord("image", "image", (8, 8, 1), "uint8", 0, 16, resize="stretch"),),
    outputs=(OutputRecord("probabilities", (2,), "classification", labels=("cat", "dog")),),
    versions={"keras": "3.15.1"},
    device="a CPU",
    parameters=12,
    dataset=DatasetRecord("digits", {"images": "2" * 64}, 10, 5, 5),
    recipe={"model": "small", "hidden": [3, 4]},
    seed=7,
    backend="tensorflow",
    history={"loss": (0.5, 0.25)},
    metrics={"probabilities": MetricRecord("accuracy", 0.5, "test")},
    sha256=HASHES,
)
REGRESSOR = TrainedModel(
    model="own",
    inputs=(InputRecord("table", "rows", (2,), "float", columns=("a", "b")),),
    outputs=(OutputRecord("value", (1,), "regression", units=("°C",)),),
    versions={},
    device="a CPU",
    parameters=3,
    sha256=HASHES,
)
# Everything that a record can say, of a SavedModel with several inputs and outputs.
SEVERAL = TrainedModel(
    model="several",
    inputs=(
        InputRecord("text", "words", (6,), "int32", 0, 11, vocabulary="vocabulary.txt"),
        InputRecord("image", "photo", (8, 8, 3), "uint8", 0, 255, resize="crop"),
        InputRecord("sequence", "tokens", (5,), "int64", low=0, high=9),
        InputRecord("tensor", "state", (), "float"),
    ),
    outputs=(
        OutputRecord("kind", (3,), "classification", labels=("a", "b", "c")),
        OutputRecord("prices", (2,), "regression", columns=("x", "y"), units=("USD", None)),
        OutputRecord("again", (8, 8, 3), "reconstruction", input="photo"),
        OutputRecord("next", (4,), "tensor", "int64"),
    ),
    versions={},
    device="a CPU",
    parameters=0,
    source=Source(
        file="saved_model",
        custom_objects=("mine:Layer",),
        signature="serve",
        shapes={"tokens:0": (None, 5)},
        names={"tokens": "tokens:0"},
        pixels={"photo": "imagenet"},
    ),
    refused={"onnx": "the layer 'x' cannot"},
    metrics={
        "kind": MetricRecord("accuracy", 0.5, "samples"),
        "prices": MetricRecord("rmse", 2.0, "samples"),
    },
    sha256={"saved_model/saved_model.pb": "0" * 64, "golden.npz": "1" * 64},
)


def test_twenty_models_are_committed():
    assert len(COMMITTED) >= 20  # more where others were trained here


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_a_committed_record_is_written_again_to_the_byte(path):
    text = path.read_text()
    record = from_json(text, str(path))
    assert to_json(record) == text
    values = json.loads(text)
    assert (record.model, record.parameters) == (path.parent.name, values["parameters"])
    assert record.dataset.name == values["dataset"]["name"]
    assert {name: metric.value for name, metric in record.metrics.items()} == {
        name: metric["value"] for name, metric in values["metrics"].items()
    }
    assert {taken.name: list(taken.shape) for taken in record.inputs} == {
        name: taken["shape"] for name, taken in values["inputs"].items()
    }
    assert {given.name: given.task for given in record.outputs} == {
        name: given["task"] for name, given in values["outputs"].items()
    }


@pytest.mark.parametrize("record", [CLASSIFIER, REGRESSOR, SEVERAL, replace(REGRESSOR, weights="imagenet")])
def test_a_record_comes_back(record):
    assert from_json(to_json(record), "it") == record


def test_what_there_is_none_of_is_left_out():
    assert list(json.loads(to_json(REGRESSOR))) == [
        "model", "inputs", "outputs", "versions", "device", "parameters", "sha256",
    ]  # fmt: skip
    assert list(json.loads(to_json(SEVERAL))["source"]) == [
        "file", "custom_objects", "signature", "shapes", "names", "pixels",
    ]  # fmt: skip


def test_whole_numbers_stay_whole():
    assert json.loads(to_json(CLASSIFIER))["inputs"]["image"]["high"] == 16
    assert '"high": 16' in to_json(from_json(to_json(CLASSIFIER), "it"))


def test_a_figure_that_is_no_number_becomes_null_and_comes_back_as_nan():
    text = to_json(replace(CLASSIFIER, history={"loss": (0.5, math.nan, math.inf)}))
    assert json.loads(text)["history"] == {"loss": [0.5, None, None]}
    first, *rest = from_json(text, "it").history["loss"]
    assert first == 0.5 and all(map(math.isnan, rest))


def test_who_made_it():
    assert CLASSIFIER.made_by_train
    assert replace(REGRESSOR, weights="imagenet").made_by_train
    assert not REGRESSOR.made_by_train


MISSING = "(missing)"
WRONG = [
    ("model", 3, "it: 'model' must be a string, not a number"),
    ("model", MISSING, "it: the key 'model' is missing; expected what python -m train writes"),
    ("inputs", {}, "it: inputs: is empty; a model has at least one input"),
    ("inputs", MISSING, "it: the key 'inputs' is missing; expected what python -m train writes"),
    ("inputs.image", [], "it: inputs: image: must be an object, not a list"),
    ("outputs", {}, "it: outputs: is empty; a model has at least one output"),
    ("outputs.probabilities", 1, "it: outputs: probabilities: must be an object, not a number"),
    (
        "source",
        {"file": "model.pt"},
        "it: source: 'file' is 'model.pt'; known: model.keras, model.h5, saved_model",
    ),
    ("source", {"pixels": {"image": "0-2"}}, "it: source: 'pixels' holds '0-2'; known: 0-1, -1-1, imagenet"),
    (
        "source",
        {"shapes": {"image": [0]}},
        "it: source: shapes: 'image' must hold sizes, whole numbers of at least 1 or null",
    ),
    ("source", {"names": {"image": 1}}, "it: source: names: 'image' must be a string, not a number"),
    (
        "source",
        {"file": "model.h5"},
        "it: sha256: the key 'model.h5' is missing; expected what python -m train writes",
    ),
    ("source", {"file": "saved_model"}, "it: 'sha256' names no file of the folder saved_model"),
    ("refused", {"onnx": 1}, "it: refused: 'onnx' must be a string, not a number"),
    ("dataset", None, "it: dataset: must be an object, not null"),
    ("dataset.test", "5", "it: dataset: 'test' must be a whole number, not a string"),
    ("dataset.sha256", {"images": "0"}, "it: dataset: sha256: 'images' must be 64 lower-case hex digits"),
    ("recipe", "none", "it: recipe: must be an object, not a string"),
    ("weights", 1, "it: 'weights' must be a string, not a number"),
    ("seed", True, "it: 'seed' must be a whole number, not true or false"),
    ("versions", {"keras": 3}, "it: versions: 'keras' must be a string, not a number"),
    ("backend", None, "it: 'backend' must be a string, not null"),
    ("device", "", "it: 'device' must be 1 to 1000 printable characters"),
    ("history", {"loss": 1}, "it: history: 'loss' must be a list, not a number"),
    ("history", {"loss": ["a"]}, "it: history: 'loss' must hold numbers, or null where a figure was none"),
    ("metrics", {"p": {}}, "it: metrics: 'p' is no output; the outputs are probabilities"),
    (
        "metrics",
        {"probabilities": {"name": "accuracy", "value": "good", "split": "test"}},
        "it: metrics: probabilities: 'value' must be a number, not a string",
    ),
    ("parameters", -1, "it: 'parameters' is -1; it must be from 0 to 1125899906842624"),
    (
        "sha256",
        {"golden.npz": "1" * 64},
        "it: sha256: the key 'model.keras' is missing; expected what python -m train writes",
    ),
    ("sha256", {}, "it: sha256: the key 'golden.npz' is missing; expected what python -m train writes"),
    ("sha256.golden.npz", 0, "it: sha256: 'golden.npz' must be a string, not a number"),
]


@pytest.mark.parametrize(("field", "value", "words"), WRONG, ids=lambda value: str(value)[:30])
def test_a_wrong_field_is_named(field, value, words):
    values = json.loads(to_json(CLASSIFIER))
    outer, _, inner = field.partition(".")
    place, key = (values[outer], inner) if inner else (values, outer)
    if value is MISSING:
        del place[key]
    else:
        place[key] = value
    with pytest.raises(ModelError) as caught:
        from_json(json.dumps(values), "it")
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "{",
            "it: not valid JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1)); ",
        ),
        ('{"seed": 1, "seed": 2}', "it: not valid JSON (the key 'seed' appears twice); "),
        ('{"seed": NaN}', "it: not valid JSON (NaN is not a JSON number); "),
    ],
)
def test_what_is_no_json_is_refused(text, words):
    with pytest.raises(ModelError) as caught:
        from_json(text, "it")
    assert str(caught.value) == f"{words}expected what python -m train writes"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"metrics": {"probabilities": MetricRecord("accuracy", math.nan, "test")}},
            "small: its record cannot be written: Out of range float values are not JSON compliant",
        ),
        (
            {"outputs": (CLASSIFIER.outputs[0]._replace(labels=("cat", "")),)},
            "small: its record cannot be written: outputs: probabilities: 'labels' must hold strings of 1 to 1000 "
            "printable characters, not ''",
        ),
    ],
)
def test_what_the_reader_would_refuse_is_not_written(changes, words):
    with pytest.raises(ModelError) as caught:
        to_json(replace(CLASSIFIER, **changes))
    assert str(caught.value).startswith(words)
