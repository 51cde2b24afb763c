"""Models that are hard to quantize: which means brings each within the budget."""

import shutil

import pytest

from bench.means.cases import CASES
from bench.means.command import made, measured, parser, run
from export.quantization import range_search
from runtime.errors import UsageError
from tests.conftest import with_shared_workers

pytestmark = pytest.mark.conversion
PLAIN = ("tflite-int8", "onnx-int8")
PASSED = ("ok", "unproven")


@pytest.fixture(autouse=True)
def _with_shared_workers(monkeypatch):
    with_shared_workers(monkeypatch, "export.api")


def test_a_channel_a_thousand_times_the_others_is_balanced():
    rows = measured(made(CASES["large-channel"], small=True), ("int8", "weights"), mixed=False)
    for name in PLAIN:
        assert rows[name, "int8"].status == "failed"
        assert rows[name, "int8"].metric < 0.5 < 0.95 < rows[name, "weights"].metric
        assert rows[name, "weights"].status in PASSED


def test_the_last_layer_alone_is_kept_where_it_carries_the_whole_error():
    rows = measured(made(CASES["common-offset"], small=True), ("int8",))
    for name in PLAIN:
        plain, mixed = rows[name, "int8"], rows[f"{name}-mixed", "int8"]
        assert plain.status == "failed" and mixed.status in PASSED
        assert mixed.reason.startswith("1 of 4 groups of layers ")
        assert mixed.size_bytes < plain.size_bytes + 2048
        assert mixed.samples == plain.samples // 2


def test_the_first_layer_alone_is_kept_where_columns_are_raw():
    case = CASES["raw-columns"]
    rows = measured(made(case, small=True), ("int8",))
    for name in PLAIN:
        plain, mixed = rows[name, "int8"], rows[f"{name}-mixed", "int8"]
        assert plain.status == "failed" and mixed.status in PASSED
        assert mixed.reason.startswith("1 of 2 groups of layers ")


def test_a_regressor_with_a_wide_output_keeps_the_budget():
    rows = measured(made(CASES["wide-output"], small=True), ("int8",))
    assert {row.status for row in rows.values()} <= set(PASSED)


def test_the_table_has_a_row_for_each_format(monkeypatch, capsys):
    monkeypatch.setattr("bench.means.command.lines", lambda name, case, *more: [f"{name} {case.title}"])
    assert run(parser().parse_args(["deep-selu", "--small"])) == 0
    assert capsys.readouterr().out.splitlines()[2:] == ["deep-selu 20 layers of selu"]


def test_an_unknown_case_is_refused_by_name():
    with pytest.raises(UsageError, match="unknown case int4; known: large-channel, common-offset"):
        run(parser().parse_args(["int4"]))


def test_what_each_way_to_tune_gains_is_printed_for_an_exported_model(
    exported, capsys, monkeypatch, tmp_path
):
    monkeypatch.setattr(range_search, "MOST_FILES", 4)
    shutil.copytree(exported.out / "digits-cnn" / "bundle", _trained(tmp_path) / "digits-cnn" / "bundle")
    assert run(parser().parse_args(["--each", "digits-cnn", "--out", str(tmp_path)])) == 0
    head, _, *rows = (line.split(" | ") for line in capsys.readouterr().out.splitlines())
    assert [row[1] for row in rows] == ["tflite", "onnx"]
    for row in rows:
        cells = dict(zip(head, row, strict=True))
        assert float(cells["rounding"]) > 0 and float(cells["int8 dB"]) > 40
        assert cells["agreement"].endswith("%")


def test_a_model_that_was_not_exported_is_asked_for(tmp_path):
    with pytest.raises(UsageError, match=r"tflite-float32.tflite is not there; export digits-cnn first"):
        run(parser().parse_args(["--each", "digits-cnn", "--out", str(_trained(tmp_path))]))


def _trained(folder):
    """A folder with digits-cnn as training leaves it."""
    shutil.copytree("artifacts/digits-cnn", folder / "digits-cnn", ignore=shutil.ignore_patterns("bundle"))
    return folder
