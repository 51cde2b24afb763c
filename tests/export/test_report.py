"""What a report says in words."""

import io

from rich.console import Console

from export import report
from runtime.measure.row import MeasuredRow
from tests.rows import measured

WHEEL = "tflite-runtime has no wheel for Python 3.13; it needs Python 3.9 to 3.11"


def rows(*models, reason=WHEEL, status="skipped"):
    return [
        row
        for model in models
        for row in (
            MeasuredRow(model, "tflite-float32", "litert", "ok"),
            MeasuredRow(model, "tflite-float32", "tflite-runtime", status, reason),
            MeasuredRow(model, "tflite-int8", "tflite-runtime", status, reason),
        )
    ]


def shown(found):
    console = Console(file=io.StringIO(), width=160)
    report.show(found, console)
    return console.file.getvalue()


def test_what_keeps_an_engine_from_all_rows_is_said_once_in_a_report():
    found = rows("a", "b", "c")
    for text in (shown(found), report.markdown(found)):
        assert text.count(WHEEL) == 1 and f"nothing ran on tflite-runtime: {WHEEL}" in text
        assert text.count("skipped") == 6


def test_files_that_could_not_be_built_do_not_hide_it():
    found = rows("a", "b") + rows("c", reason="not built: no", status="failed")
    assert shown(found).count(WHEEL) == 1 and f"\nnothing ran on tflite-runtime: {WHEEL}" in shown(found)


def test_a_reason_of_one_model_is_said_with_it():
    found = rows("a") + rows("b", reason="another", status="skipped")
    assert shown(found).count(f"  all rows on tflite-runtime: {WHEEL}\n") == 1
    assert report.notes(rows("b", reason="another", status="failed")) == [
        "all rows on tflite-runtime: another"
    ]


def test_a_reason_of_some_rows_names_them():
    found = rows("a")
    found[1] = found[1]._replace(reason=None)
    assert report.notes(found) == [f"tflite-int8 on tflite-runtime: {WHEEL}"]
    found = [row._replace(reason=WHEEL) for row in found]
    assert report.notes(found) == [f"all rows: {WHEEL}"]


def test_the_output_is_named_where_a_model_has_several():
    one = measured("tflite-int8", metric=0.9)
    several = [one._replace(output="kind"), one._replace(output="price", engine="onnxruntime")]
    assert "| output |" not in report.markdown([one])
    text = report.markdown(several)
    assert "| output | metric |" in text and "| kind | 90.00% |" in text and "| price | 90.00% |" in text


def test_a_difference_that_rounds_to_nothing_has_no_minus():
    row = MeasuredRow(
        "a", "tflite-int8", "litert", "ok", metric_name="accuracy", metric=0.90001, metric_original=0.90004
    )
    assert "+0.00 pt" in shown([row]) and "-0.00" not in shown([row])
    assert "-0.01 pt" in shown([row._replace(metric_original=0.9001)])
    row = row._replace(metric_name="rmse", metric=0.50001, metric_original=0.50004)
    assert "+0.0000" in shown([row]) and "-0.0000" not in shown([row])
