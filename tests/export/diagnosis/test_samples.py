"""What a diagnosis runs a model on; and a model whose layers cannot be told apart."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from data.original import read_original
from export.diagnosis.layer_calls import layer_calls
from export.diagnosis.samples import distinguishing, typical
from runtime.errors import ModelError
from tests.conftest import ROOT


def original(name):
    return read_original(ROOT / "artifacts" / name)


def test_columns_of_tables_reach_far_out():
    table = original("california-mlp")
    golden, _ = table.golden()
    (name,) = golden
    rows = distinguishing(table)[name]
    assert len(rows) == 3 * len(golden[name]) and rows.dtype == golden[name].dtype
    assert np.array_equal(rows[: len(golden[name])], golden[name])
    assert (np.ptp(rows, axis=0) > 2 * np.ptp(golden[name], axis=0)).all()


def test_pixels_stay_pixels():
    image = original("mnist-cnn")
    golden, _ = image.golden()
    (name,) = golden
    rows = distinguishing(image)[name]
    assert len(rows) == 2 * len(golden[name]) and rows.dtype == np.uint8


def test_calibration_data_where_they_are(monkeypatch):
    digits = original("digits-cnn")  # its data come with scikit-learn
    golden, _ = digits.golden()
    (name,) = golden
    rows, said = typical(digits, None)
    assert (
        len(rows[name]) == 256
        and said == f"{len(golden[name])} golden and {256 - len(golden[name])} calibration inputs"
    )
    assert np.array_equal(rows[name][: len(golden[name])], golden[name])
    monkeypatch.setenv("EDGEPROOF_DATA", "")
    monkeypatch.setenv("EDGEPROOF_UNREACHABLE", "storage.googleapis.com")
    monkeypatch.setenv("XDG_CACHE_HOME", "/nonexistent")
    rows, said = typical(original("mnist-cnn"), None)
    assert said == "32 golden inputs (the calibration data are not here)" and len(rows["image"]) == 32


def test_a_saved_model_has_no_layers():
    model = SimpleNamespace(keras=None, loaded=SimpleNamespace(path=Path("somewhere/mine")))
    with pytest.raises(ModelError) as refused:
        layer_calls(model, {})
    assert str(refused.value) == (
        "mine is a SavedModel, which keeps no Keras layers to tell apart; diagnose the model from its .keras or .h5 "
        "file"
    )
