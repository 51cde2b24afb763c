"""`export.export`: what cannot be meant is refused, and data become arrays by name."""

from pathlib import Path

import numpy as np
import pytest

import export
from export import api
from runtime.errors import UsageError
from tests.conftest import ROOT


def test_the_public_names_are_there_and_no_others():
    assert (export.export, export.Report) == (api.export, api.Report)
    with pytest.raises(AttributeError, match="module 'export' has no attribute 'expert'"):
        export.expert  # noqa: B018


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        (
            3,
            {},
            "a int is no model; give a Keras model, or the path of a .keras or .h5 file or of a SavedModel folder",
        ),
        ("nowhere.keras", {}, "nowhere.keras does not exist; give the path of a .keras or .h5 file"),
        ("README.md", {"jobs": 0}, "jobs is 0; give at least 1"),
        ("README.md", {"targets": ["tflite-int4"]}, "unknown target tflite-int4; known: saved_model"),
        ("README.md", {"test": ([1], [2], [3])}, "test is a tuple of 3; give a pair of inputs and targets"),
        (
            "README.md",
            {"test": ("x.npz", [1])},
            "test is a pair of a path and targets; give arrays, or a path alone",
        ),
        ("README.md", {"metric": 0.5}, "metric is a float; give a function f(targets, answers)"),
        ("README.md", {"task": "guess"}, "--task guess: it is unknown; known: classification"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, monkeypatch, model, options, words):
    monkeypatch.chdir(ROOT)
    with pytest.raises(UsageError) as caught:
        export.export(model, out=tmp_path, **options)
    assert str(caught.value).startswith(words)
    assert list(tmp_path.iterdir()) == []


def test_data_become_arrays_by_name():
    rows, kinds = np.ones((2, 3)), [0, 1]
    assert api._inputs(None) is None
    assert api._inputs("d.csv") == Path("d.csv")
    assert list(api._inputs([[1, 2]])) == ["inputs"]
    assert list(api._inputs({"x": rows})) == ["x"]
    assert list(api._labelled((rows, kinds))) == ["inputs", "targets"]
    assert list(api._labelled(({"x": rows}, {"kind": kinds}))) == ["x", "targets_kind"]
