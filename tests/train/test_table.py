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


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"samples": 1250}, "99.35 % on 1,250 samples"),  # the gate asked a slow file no more
        ({"output": "above"}, "99.35 % (above)"),  # of several outputs, that which loses most
        ({"metric_name": "rmse", "metric": 0.5}, "RMSE 0.5"),
    ],
)
def test_an_int8_figure_says_what_it_is_of(tmp_path, change, text):
    row = MeasuredRow(
        "m", "tflite-int8", "litert", "ok", metric_name="accuracy", metric=0.9935, samples=10_000
    )
    other = row._replace(variant="tflite-float32", output="value" if "output" in change else None)
    less = row._replace(engine="tflite-runtime", metric=0.9, samples=100)
    rows = [other, row._replace(**change), less._replace(output=change.get("output"))]
    (tmp_path / "report.json").write_text(rows_to_json(rows))
    assert table._int8_figures(tmp_path / "report.json") == {"m": text}


def test_a_damaged_report_is_named(tmp_path):
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(EdgeProofError, match=r"report\.json: not valid JSON"):
        table.markdown(tmp_path)
