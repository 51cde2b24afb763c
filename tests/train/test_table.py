"""The table of the zoo comes from files alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from data.original import read_record
from data.trained_model import MetricRecord, to_json
from runtime.errors import EdgeProofError
from runtime.measure.row import MeasuredRow, rows_to_json
from train import table

ARTIFACTS = Path(__file__).parents[2] / "artifacts"


def test_trained_untrained_and_int8(tmp_path):
    (tmp_path / "mnist-cnn").mkdir()
    committed = read_record(ARTIFACTS / "mnist-cnn")
    metric = MetricRecord("accuracy", 0.9937, "test")
    record = replace(committed, parameters=44426, device="a CPU", metrics={"probabilities": metric})
    (tmp_path / "mnist-cnn" / "training.json").write_text(to_json(record))
    row = MeasuredRow("mnist-cnn", "tflite-int8", "litert", "ok", metric_name="accuracy", metric=0.9935)
    unmeasured = row._replace(model="fashion-mlp", metric=None)
    (tmp_path / "report.json").write_text(rows_to_json([row, unmeasured]))
    lines = table.markdown(tmp_path).splitlines()
    assert "| mnist-cnn | mnist | 44,426 | not given | 99.30 % | 99.37 % | 99.35 % | a CPU |" in lines
    assert "| fashion-mlp | fashion-mnist | – | 81.88 % | 90.00 % | not trained | – | – |" in lines


def test_a_damaged_report_is_named(tmp_path):
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(EdgeProofError, match=r"report\.json: not valid JSON"):
        table.markdown(tmp_path)
