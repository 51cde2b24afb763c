"""`--metric`: from the command to the bundle, the device and the page."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from runtime.__main__ import main as runtime_main
from runtime.bundle.reader import open_bundle
from runtime.command import run_command
from tests.conftest import ROOT, run_export, with_keras

pytestmark = pytest.mark.conversion
CODE = """
import numpy as np

def brier(targets, answers):
    return np.mean((answers - np.eye(10)[targets]) ** 2)
"""
PINBALL = """
import numpy as np

def mean_pinball(targets, answers):
    assert targets.shape == (len(answers),) and answers.shape[1:] == (3,)
    error = targets[:, np.newaxis] - answers
    return np.mean(np.maximum(error * [0.1, 0.5, 0.9], error * [-0.9, -0.5, -0.1]))
"""
QUANTILES = """
import sys, keras
keras.utils.set_random_seed(1)
x = keras.Input((4,), name="x")
hidden = keras.layers.Dense(8, "relu")(x)
outputs = {name: keras.layers.Dense(size, name=name)(hidden) for name, size in (("price", 3), ("other", 1))}
keras.Model(x, outputs).save(sys.argv[1])
"""
SCRIPT = """
import sys

import numpy as np

import export

def mean_pinball(targets, answers):
    error = targets[:, np.newaxis] - answers
    return np.mean(np.maximum(error * [0.1, 0.5, 0.9], error * [-0.9, -0.5, -0.1]))

def halves(targets, answers):
    return float(np.mean((answers[:, 0] > 0.5) == (targets > 0.5)))

if __name__ == "__main__":
    rows = np.random.default_rng(0).normal(size=(300, 4)).astype("float32")
    report = export.export(
        "quantiles.keras", test=({"x": rows}, {"price": rows[:, 0], "other": rows[:, 1]}),
        metric={"price": (mean_pinball, "lower"), "other": "__main__:halves"}, max_drop=50,
        targets=["onnx-float32", "onnx-dynamic"], out=sys.argv[1], jobs=1,
    )
"""


def device(capsys, *arguments):
    """What a command of the runtime prints."""
    code = run_command(runtime_main, [str(argument) for argument in arguments])
    return code, capsys.readouterr().out


def test_a_metric_of_the_users_own_decides_and_a_device_shows_what_was_measured(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users_brier.py").write_text(CODE)
    command = (
        *("digits-cnn", "--jobs", "1", "--targets", "onnx-float32,onnx-dynamic"),
        *("--metric", "users_brier:brier,lower", "--max-drop", "40"),
    )
    done = run_export(*command, out=tmp_path / "out")
    assert done.code == 0, done.stdout
    assert re.search(r"digits-cnn: the original's brier 0\.00\d+; 360 test samples", done.stdout)
    for row in done.rows:
        assert (row["metric_name"], row["metric_better"], row["samples"]) == ("brier", "lower", 360)
        assert row["metric_drop_low"] <= row["metric"] - row["metric_original"] <= row["metric_drop_high"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "brier: computed by code of the user" in page and "Change of brier, in %" in page
    bundle = tmp_path / "out" / "digits-cnn" / "bundle"
    (score,) = open_bundle(bundle).manifest.original.metrics.values()
    assert (score.name, score.better) == ("brier", "lower")
    assert score.value == done.rows[0]["metric_original"]

    code, out = device(capsys, "compare", bundle, "--calls", "20", "--engine", "onnxruntime")
    note = (
        "brier: a metric of your own, which cannot be computed here: as measured at export on the test split, where "
        f"the original has {score.value:.4g}."
    )
    assert code == 0 and out.count(note) == 1 and re.search(r"KiB +brier +max error", out)
    # Labels do not help the device: it has no code of the user's, and another metric was given no budget.
    np.savez("labelled.npz", inputs=np.zeros((4, 8, 8, 1), np.uint8), targets=[0, 1, 2, 3])
    given = ("--inputs", "labelled.npz", "--calls", "20", "--engine", "onnxruntime", "--json")
    code, out = device(capsys, "compare", bundle, *given)
    rows = {row["variant"]: row for row in json.loads(out)["rows"]}
    assert {row["metric_name"] for row in rows.values()} == {"brier"}
    for row in done.rows:
        assert rows[row["variant"]]["metric"] == row["metric"] and rows[row["variant"]]["split"] == "test"
    select = ("select", bundle, "--engine", "onnxruntime", "--threads", "1", "--variant", "onnx-dynamic")
    (dynamic,) = (row for row in done.rows if row["variant"] == "onnx-dynamic")
    lost = (dynamic["metric"] / dynamic["metric_original"] - 1) * 100
    code, out = device(capsys, *select)
    assert f" {lost:.2f} % " in out and code == 0
    assert lost > 0  # else nothing below is shown
    code, out = device(capsys, *select, "--max-drop", f"{lost / 2:.6f}")
    assert f"it loses {lost:.2f} %, more than the {lost / 2:.6g} allowed"[:30] in out and code == 1

    again = run_export(*command, out=tmp_path / "out")
    assert "nothing changed for digits-cnn" in again.stdout
    (tmp_path / "users_brier.py").write_text(CODE + "\n# another rule\n")
    changed = run_export(*command, out=tmp_path / "out")
    assert changed.code == 0 and "nothing changed" not in changed.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("users_brier", "--metric users_brier: expected MODULE:FUNCTION"),
        (
            "users_nowhere:brier",
            "--metric users_nowhere:brier: users_nowhere cannot be imported (ModuleNotFoundError",
        ),
        (
            "price=users_brier:brier",
            "--metric price=users_brier:brier: the model has no output of this name; it has",
        ),
    ],
)
def test_what_is_no_metric_is_one_line_and_nothing_is_built(tmp_path, monkeypatch, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "users_brier.py").write_text(CODE)
    done = run_export("digits-cnn", "--jobs", "1", "--metric", text, out=tmp_path / "out")
    assert done.code == 2 and said in done.stdout
    assert len(done.stdout.strip().splitlines()) == 1
    assert not (tmp_path / "out" / "digits-cnn" / "bundle").exists()


def test_functions_of_a_script_score_several_outputs_whose_targets_have_shapes_of_their_own(tmp_path):
    with_keras(QUANTILES, str(tmp_path / "quantiles.keras"))
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [sys.executable, "script.py", "out"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "out" / "report.json").read_text())["rows"]
    assert {row["status"] for row in rows} == {"ok"}, rows
    metrics = open_bundle(tmp_path / "out" / "quantiles" / "bundle").manifest.original.metrics
    assert {output: (score.name, score.better) for output, score in metrics.items()} == {
        "price": ("mean_pinball", "lower"),
        "other": ("halves", "higher"),
    }
    for row in rows:
        score = metrics[row["output"]]
        assert (row["metric_name"], row["metric_better"], row["samples"]) == (score.name, score.better, 300)
        assert row["metric_original"] == pytest.approx(score.value)


def test_targets_in_columns_of_a_table_may_be_fewer_than_the_answers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make = """
import sys, keras
keras.utils.set_random_seed(1)
keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)]).save(sys.argv[1])
"""
    with_keras(make, str(tmp_path / "three.keras"))
    (tmp_path / "users_pinball.py").write_text(PINBALL)
    model, table = str(tmp_path / "three.keras"), str(tmp_path / "rows.csv")
    rows = np.random.default_rng(1).normal(size=(40, 3))
    np.savetxt(table, rows, delimiter=",", header="a,b,price", comments="")
    asked = (model, "--jobs", "1", "--test", table, "--target-column", "price", "--targets", "onnx-float32")
    metric = ("--metric", "users_pinball:mean_pinball,lower")
    done = run_export(*asked, *metric, out=tmp_path / "out")
    assert done.code == 0, done.stdout
    (row,) = done.rows
    assert row["metric_name"] == "mean_pinball" and row["metric"] > 0
    without = run_export(*asked, out=tmp_path / "out")
    assert (
        without.code == 1 and "40 outputs of the shape [3], but targets of the shape [40]" in without.stdout
    )
