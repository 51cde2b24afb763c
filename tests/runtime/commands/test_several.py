"""Every command on a model of several inputs and outputs of all kinds."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from runtime.bundle.manifest import Score
from runtime.bundle.manifest_json import to_json
from runtime.bundle.reader import read_manifest
from runtime.measure.row import rows_to_json
from tests import bundles
from tests.bundles import npz, replace_file
from tests.conftest import NO_TFLITE_RUNTIME
from tests.rows import measured
from tests.runtime.commands.test_commands import cli

__all__ = ["cli"]
PAIRS = 2 if NO_TFLITE_RUNTIME else 3
OUTPUTS = ("kind", "level", "next_count", "unmasked", "last_word", "copied")


@pytest.fixture(scope="module")
def samples():
    """Inputs and the original's outputs, by name."""
    return bundles.several_golden()


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """A state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_info_tells_each_input_and_output_by_name(cli, several_bundle):
    code, out, err = cli("info", several_bundle)
    assert (code, err) == (0, "")
    assert out.splitlines()[:13] == [
        "model:     tiny-several, 2,400 parameters",
        "takes:     picture: images 4x4x1, uint8 pixels from 0 to 255; other sizes are padded",
        "           words: texts, their first 5 words",
        "           steps: sequences 4x2 of numbers",
        "           count: single int64 from 0 to 9",
        "           mask: tensors 4 of bool",
        "           code: tensors 2 of uint8",
        "gives:     kind of 3 labels: circle, square, star",
        "           level: height in cm, width",
        "           next_count, single int64",
        "           unmasked, 4 bool",
        "           last_word, 1 int32",
        "           copied, 2 uint8",
    ]
    assert "original:  kind: accuracy 0.9, level: rmse 0.9 on a test" in out


def test_verify_names_the_output(cli, several_bundle):
    code, out, err = cli("verify", several_bundle)
    assert (code, err) == (0, "")
    assert len(re.findall(r" ok +(kind|level) +\S+ +1e-05", out)) == PAIRS
    assert "output: the one whose error takes up most of its tolerance." in out


def test_verify_names_an_output_that_disagrees(cli, several_bundle, samples, tmp_path):
    spoilt = shutil.copytree(several_bundle, tmp_path / "spoilt")
    inputs, outputs = samples
    wrong = outputs | {"level": outputs["level"] + 1}
    arrays = {f"inputs/{name}": rows for name, rows in inputs.items()}
    arrays |= {f"outputs/{name}": rows for name, rows in wrong.items()}
    replace_file(spoilt, "golden.npz", npz(**arrays))
    code, out, _ = cli("verify", spoilt, "--engine", "onnxruntime")
    assert code == 1 and re.search(r"onnx-float32 +onnxruntime +failed +level +1 +1e-05", out)
    assert "level" in out.split("failed", 1)[1] and "May be used here: none." in out


def test_predict_takes_one_file_and_prints_a_line_for_each_output(cli, several_bundle, samples):
    code, out, err = cli("predict", several_bundle, several_bundle / "golden.npz")
    inputs, outputs = samples
    count = len(inputs["count"])
    lines = out.splitlines()
    assert (code, err) == (0, "") and len(lines) == count * len(OUTPUTS)
    assert [line.split(": ")[1] for line in lines[:6]] == list(OUTPUTS)
    height, width = outputs["level"][0]
    label = ("circle", "square", "star")[outputs["kind"][0].argmax()]
    assert f"golden.npz[0]: kind: {label} " in lines[0]
    assert lines[1].endswith(f"[0]: level: height {height:.6g} (cm), width {width:.6g}")
    assert lines[2].endswith(f"[0]: next_count: [] {outputs['next_count'][0]}")


@pytest.fixture
def parts(tmp_path):
    """The inputs each on its own: a picture, a text, lines of numbers."""
    Image.new("L", (8, 4), 200).save(tmp_path / "a.png")
    (tmp_path / "steps.csv").write_text("1,2\n3,4\n5,6\n7,8\n")
    return (
        f"picture={tmp_path / 'a.png'}", f"steps={tmp_path / 'steps.csv'}", "--text", "words=A big thing",
        "--values", "count=3", "--values", "mask=1 0 0 1", "--values", "code=7 9",
    )  # fmt: skip


def test_predict_takes_each_input_by_name(cli, several_bundle, parts):
    code, out, err = cli("predict", several_bundle, *parts, "--json")
    (answer,) = json.loads(out)["predictions"]
    assert code == 0 and list(answer["outputs"]) == list(OUTPUTS)
    assert err == f"note: {parts[0]}: resized and padded with black from 8x4 to 4x4\n"
    assert answer["outputs"]["next_count"]["values"] == 4 and answer["outputs"]["unmasked"]["values"] == [
        False,
        True,
        True,
        False,
    ]
    assert answer["outputs"]["copied"] == {"shape": [2], "values": [3, 4]}
    assert [label["label"] for label in answer["outputs"]["kind"]["labels"]]
    assert answer["outputs"]["level"]["columns"] == ["height", "width"]


def test_predict_says_which_input_is_missing(cli, several_bundle, parts):
    code, out, err = cli("predict", several_bundle, *parts[:2])
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert "the input words, count, mask, code is missing; give words=FILE count=FILE" in err
    code, out, err = cli("predict", several_bundle, "a.png")
    assert (code, out) == (1, "")
    assert "a.png: is one file, but the model takes picture, words, steps, count, mask, code" in err


def test_bench_measures(cli, several_bundle):
    code, out, err = cli("bench", several_bundle, "--calls", "20", "--json")
    rows = json.loads(out)["rows"]
    assert (code, err) == (0, "") and len(rows) == PAIRS
    assert all(row["latency_us_p50"] > 0 and row["batch_us_per_row"] > 0 for row in rows)


def labelled(tmp_path, samples, **targets):
    inputs, _ = samples
    np.savez(tmp_path / "labelled.npz", **inputs, **targets)
    return "--inputs", tmp_path / "labelled.npz"


def test_compare_shows_the_metric_of_every_output_with_targets(cli, several_bundle, samples, tmp_path):
    _, outputs = samples
    kinds = outputs["kind"].argmax(1)
    kinds[:8] = (kinds[:8] + 1) % 3
    given = labelled(tmp_path, samples, targets_kind=kinds, targets_level=outputs["level"] + 2)
    code, out, err = cli("compare", several_bundle, *given, "--calls", "20")
    assert (code, err) == (0, "")
    assert re.search(r"KiB +output +kind accuracy +level rmse +max error", out)
    assert len(re.findall(r" (?:kind|level) +75\.00% +2\.0000 ", out)) == PAIRS
    assert "kind accuracy: on 32 rows; the original has 90.00% on its test split." in out
    assert "level rmse: on 32 rows; the original has 0.9000 on its test split." in out
    code, out, _ = cli("compare", several_bundle, *given, "--calls", "20", "--json")
    found = json.loads(out)
    assert len(found["metrics"]) == PAIRS and found["metrics"][0]["metrics"]["kind"] == 0.75
    measured = [row for row in found["rows"] if row["status"] == "ok"]
    assert len(measured) == PAIRS
    assert all(row["output"] in ("kind", "level") and row["split"] == "given" for row in measured)


def test_compare_takes_targets_of_one_of_several_outputs(cli, several_bundle, samples, tmp_path):
    _, outputs = samples
    given = labelled(tmp_path, samples, targets_level=outputs["level"] + 2)
    code, out, _ = cli("compare", several_bundle, *given, "--calls", "20", "--engine", "onnxruntime")
    assert code == 0 and re.search(r"onnx-float32 +onnxruntime +ok +3\.0 +level +2\.0000 ", out)


def test_compare_and_select_take_the_output_of_the_report_and_its_parity(cli, several_bundle, tmp_path):
    reported = shutil.copytree(several_bundle, tmp_path / "reported")
    rows = [measured("onnx-float32", metric=0.87, engine="onnxruntime", output="kind", metric_original=0.9)]
    replace_file(reported, "report.json", rows_to_json(rows).encode())
    code, out, _ = cli("compare", reported, "--calls", "20", "--engine", "onnxruntime", "--json")
    (row,) = json.loads(out)["rows"]
    assert row["output"] == "kind" and row["metric"] == 0.87 and row["top1_agreement"] == 1
    assert code == 1 and "loses too much" in json.loads(out)["why"]
    code, out, _ = cli("select", reported, "--engine", "onnxruntime", "--threads", "1", "--max-drop", "4")
    assert code == 0 and re.search(r"onnx-float32 +onnxruntime +1 +3\.0 +kind +3\.00 points", out)


def test_compare_shows_beside_its_own_metrics_what_a_users_metric_was_at_export(
    cli, several_bundle, samples, tmp_path
):
    bundle = shutil.copytree(several_bundle, tmp_path / "users")
    fields = {"engine": "onnxruntime", "output": "level", "metric_name": "pinball", "metric_better": "lower"}
    rows = [measured("onnx-float32", metric=70.0, metric_original=50.0, **fields)]
    replace_file(bundle, "report.json", rows_to_json(rows).encode())
    manifest = read_manifest(bundle)
    scores = {**manifest.original.metrics, "level": Score("pinball", 50.0, "lower")}
    text = to_json(manifest._replace(original=manifest.original._replace(metrics=scores)))
    (bundle / "manifest.json").write_text(text)
    _, outputs = samples
    kinds = outputs["kind"].argmax(1)
    given = labelled(tmp_path, samples, targets_kind=kinds, targets_level=outputs["level"] + 2)
    code, out, _ = cli("compare", bundle, *given, "--calls", "20", "--engine", "onnxruntime")
    assert code == 1 and "it loses 40.00 %, more than the 1 allowed" in out
    assert re.search(r"onnx-float32 +onnxruntime +ok +3\.0 +level +70 ", out)
    assert "kind accuracy: on 32 rows; the original has 90.00% on its test split." in out
    assert (
        "level pinball: a metric of your own, which cannot be computed here: as measured at export on the test split, "
        "where the original has 50." in out
    )


def test_compare_without_labelled_data_says_so_of_each_output(cli, several_bundle):
    code, out, _ = cli("compare", several_bundle, "--calls", "20")
    assert code == 0
    assert "kind accuracy: not measured: give --inputs and --targets; the original has 90.00%." in out
    assert "level rmse: not measured: give --inputs and --targets; the original has 0.9000." in out
