"""The record of a trained model: what is read is written again to the byte, and every wrong field is named."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from data.trained_model import DatasetRecord, MetricRecord, TrainedModel, from_json, to_json
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import ModelError

COMMITTED = sorted((Path(__file__).parents[2] / "artifacts").glob("*/training.json"))
HASHES = {"model.keras": "0" * 64, "golden.npz": "1" * 64}
CLASSIFIER = TrainedModel(
    model="small",
    task="classification",
    labels=("cat", "dog"),
    unit=None,
    inputs=(InputRecord("image", "image", (8, 8, 1), "uint8", 0, 16),),
    outputs=(OutputRecord("probabilities", (2,)),),
    versions={"keras": "3.15.1"},
    device="a CPU",
    parameters=12,
    dataset=DatasetRecord("digits", {"images": "2" * 64}, 10, 5, 5),
    recipe={"model": "small", "hidden": [3, 4]},
    seed=7,
    backend="tensorflow",
    history={"loss": (0.5, 0.25)},
    metric=MetricRecord("accuracy", 0.5, "test"),
    sha256=HASHES,
)
REGRESSOR = TrainedModel(
    model="own",
    task="regression",
    labels=None,
    unit="°C",
    inputs=(InputRecord("table", "rows", (2,), "float", columns=("a", "b")),),
    outputs=(OutputRecord("value", (1,)),),
    versions={},
    device="a CPU",
    parameters=3,
    sha256=HASHES,
)


def test_fifteen_models_are_committed():
    assert len(COMMITTED) == 15


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.parent.name)
def test_a_committed_record_is_written_again_to_the_byte(path):
    text = path.read_text()
    record = from_json(text, str(path))
    assert to_json(record) == text
    values = json.loads(text)
    assert (record.model, record.task, record.parameters) == (
        path.parent.name,
        values["task"],
        values["parameters"],
    )
    assert (record.dataset.name, record.metric_value) == (
        values["dataset"]["name"],
        values["metric"]["value"],
    )
    assert {"kind": record.input.kind, "shape": list(record.input.shape)}.items() <= values["input"].items()


@pytest.mark.parametrize("record", [CLASSIFIER, REGRESSOR, replace(REGRESSOR, weights="imagenet")])
def test_a_record_comes_back(record):
    assert from_json(to_json(record), "it") == record


def test_what_there_is_none_of_is_left_out_or_null():
    values = json.loads(to_json(REGRESSOR))
    assert not {"weights", "seed", "backend", "history"} & set(values)
    assert values["dataset"] is values["recipe"] is values["metric"] is values["labels"] is None


def test_a_figure_that_is_no_number_becomes_null_and_comes_back_as_nan():
    text = to_json(replace(CLASSIFIER, history={"loss": (0.5, math.nan, math.inf)}))
    assert json.loads(text)["history"] == {"loss": [0.5, None, None]}
    first, *rest = from_json(text, "it").history["loss"]
    assert first == 0.5 and all(map(math.isnan, rest))


def test_who_made_it():
    assert CLASSIFIER.made_by_train
    assert replace(REGRESSOR, weights="imagenet").made_by_train
    assert not REGRESSOR.made_by_train


def test_the_metric_is_that_of_the_task():
    assert (CLASSIFIER.metric_name, CLASSIFIER.metric_value) == ("accuracy", 0.5)
    assert (REGRESSOR.metric_name, REGRESSOR.metric_value) == ("rmse", None)


MISSING = "(missing)"
WRONG = [
    ("model", 3, "it: 'model' must be a string, not a number"),
    ("model", MISSING, "it: the key 'model' is missing; expected what python -m train writes"),
    ("task", "detection", "it: 'task' is 'detection'; known: classification, regression"),
    ("labels", ["cat"], "it: 'labels' are 1, but the output has the shape [2]"),
    ("labels", ["cat", 1], "it: 'labels' must hold strings of 1 to 1000 printable characters, not a number"),
    (
        "labels",
        None,
        "it: 'labels' do not fit the task classification: a classifier has labels, a regressor has none",
    ),
    ("unit", 1, "it: 'unit' must be a string, not a number"),
    ("input", [], "it: input: must be an object, not a list"),
    ("input.kind", "sound", "it: input: 'kind' is 'sound'; known: image, table"),
    ("input.shape", "8", "it: input: 'shape' must be a list, not a string"),
    ("input.high", 0.5, "it: input: 'high' must be a whole number, not a number"),
    ("output.shape", [2, 2], "it: output: 'shape' is [2, 2]; an output row has one dimension"),
    ("dataset", MISSING, "it: the key 'dataset' is missing; expected what python -m train writes"),
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
    ("metric.value", "good", "it: metric: 'value' must be a number, not a string"),
    ("metric", MISSING, "it: the key 'metric' is missing; expected what python -m train writes"),
    ("parameters", -1, "it: 'parameters' is -1; it must be from 0 to 1125899906842624"),
    ("sha256", {}, "it: sha256: the key 'model.keras' is missing; expected what python -m train writes"),
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
            {"metric": MetricRecord("accuracy", math.nan, "test")},
            "small: its record cannot be written: Out of range float values are not JSON compliant",
        ),
        (
            {"labels": ("cat", "")},
            "small: its record cannot be written: 'labels' must hold strings of 1 to 1000 printable characters, not ''",
        ),
    ],
)
def test_what_the_reader_would_refuse_is_not_written(changes, words):
    with pytest.raises(ModelError) as caught:
        to_json(replace(CLASSIFIER, **changes))
    assert str(caught.value).startswith(words)
