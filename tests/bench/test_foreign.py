"""The table of models made elsewhere is well-formed; the command tells a failed row, and an export without a report."""

import ast
import subprocess
import sys

import numpy as np
import pytest

from bench.__main__ import main
from bench.foreign import command
from bench.foreign.command import HEADER, Outcome
from bench.foreign.foreign import FORMS, Given
from bench.foreign.models import MODELS
from export.command import parse
from runtime.errors import UsageError
from runtime.measure.row import STATUSES, MeasuredRow
from tests.conftest import ROOT
from tests.source_texts import parsed

PAGE = (ROOT / "docs" / "foreign.md").read_text()


def row(variant, status, reason=None, engine="litert"):
    return MeasuredRow(model="lenet", variant=variant, engine=engine, status=status, reason=reason)


def test_no_two_models_have_the_same_name():
    text = "\n".join(path.read_text() for path in (ROOT / "bench" / "foreign").glob("*.py"))
    made = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    rows = [node for node in made if getattr(node.func, "id", "") in ("Foreign", "_network")]
    names = [str(node.args[0].value) for node in rows if isinstance(node.args[0], ast.Constant)]
    assert sorted(names) == sorted(MODELS) and len(set(names)) == len(names) >= 20


@pytest.mark.parametrize("name", MODELS)
def test_a_row_has_samples_and_options_that_the_export_knows(name):
    model = MODELS[name]
    assert model.origin and model.form in FORMS
    parse([f"{name}.keras", "--name", name, *model.options])
    for taken, values in model.samples(5).items():
        given = model.inputs[taken]
        assert values.shape == (5, *given.shape) and values.dtype == given.dtype
        assert given.low <= values.min() < values.max() <= given.high
    again = model.samples(5)
    assert all(np.array_equal(values, again[taken]) for taken, values in model.samples(5).items())


def test_custom_objects_are_the_classes_of_their_module():
    module = parsed(ROOT / "bench" / "foreign" / "own_layers.py")
    classes = {
        f"bench.foreign.own_layers:{node.name}" for node in module.body if isinstance(node, ast.ClassDef)
    }
    assert {name for model in MODELS.values() for name in model.options if "own_layers" in name} == classes


def test_soft_values_are_like_their_neighbours_and_samples_are_not_alike():
    drawn = Given((40, 30, 3), low=0.0, high=255.0, soft=True).drawn(8, seed=1)
    beside = np.abs(np.diff(drawn, axis=1)).mean()
    assert beside < np.abs(np.diff(drawn, axis=0)).mean() / 2
    rough = Given((40, 30, 3), low=0.0, high=255.0).drawn(8, seed=1)
    assert beside < np.abs(np.diff(rough, axis=1)).mean() / 2


def test_alike_inputs_are_counted():
    assert MODELS["wide-and-deep"].given == "3 of 1, 4 of int32 1"
    assert MODELS["unet"].given == "64×64×3"
    assert MODELS["face"].given == "uint8 64×64×3"


def test_the_cells_of_a_model():
    rows = [row("a", "ok"), row("b", "ok"), row("c", "unproven"), row("d", "failed"), row("e", "skipped")]
    found = dict(zip(HEADER, command.cells(MODELS["lenet"], Outcome(61706, rows, 12.6)), strict=True))
    assert (found["model"], found["inputs"], found["given as"]) == ("lenet", "32×32×1", ".h5")
    assert (found["parameters"], found["seconds"]) == ("61,706", "13")
    assert [found[status] for status in STATUSES] == ["2", "1", "1", "1"]


def test_rows_of_one_reason_share_a_line():
    rows = [
        row("tflite-int8", "failed", "far off"),
        row("tflite-float32", "ok"),
        row("tflite-int8", "failed", "far off", "tflite-runtime"),
        row("onnx-int8", "skipped", "no such op", "onnxruntime"),
    ]
    assert command.reasons(MODELS["lenet"], Outcome(1, rows, 1.0)) == [
        "lenet, tflite-int8 on litert, tflite-int8 on tflite-runtime: failed: far off",
        "lenet, onnx-int8 on onnxruntime: skipped: no such op",
    ]


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome(1, [row("a", "ok"), row("b", "unproven"), row("c", "skipped")], 1.0), 0),
        (Outcome(1, [row("a", "ok"), row("b", "failed", "far off")], 1.0), 1),
        (Outcome(1, [], 1.0, "exit code 2: no"), 1),
    ],
)
def test_a_failed_row_or_no_report_is_the_exit_code(outcome, code, monkeypatch, capsys):
    monkeypatch.setattr(command, "measured", lambda models, work, options: [outcome])
    assert main(["foreign", "lenet"]) == code
    said = capsys.readouterr().out
    assert said.startswith("model") and ("lenet, b on litert: failed: far off" in said) == (
        len(outcome.rows) == 2
    )


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("I0000 noise\nerror: no such layer\nmore noise\n", "exit code 1: no such layer"),
        ("Traceback\n  here\nKeyError: 'a'\n", "exit code 1: KeyError: 'a'"),
        ("", "exit code 1: it says nothing"),
    ],
)
def test_an_export_without_a_report_is_a_line(said, line, tmp_path, monkeypatch):
    ended = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(command.subprocess, "run", lambda *args, **kwargs: ended)
    made = {"path": str(tmp_path / "lenet.h5"), "samples": "samples.npz", "parameters": 5}
    outcome = command.exported(MODELS["lenet"], made)
    assert (outcome.problem, outcome.failed) == (line, True)
    assert command.reasons(MODELS["lenet"], outcome) == [f"lenet: no report: {line}"]
    assert command.cells(MODELS["lenet"], outcome)[5:9] == ("–",) * 4


def test_a_model_that_cannot_be_built_is_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "done", lambda module, jobs: ["ValueError: no" for _ in jobs])
    assert command.measured([MODELS["lenet"]], tmp_path) == [Outcome(None, [], 0.0, "ValueError: no")]


def test_an_unknown_model_is_refused():
    with pytest.raises(UsageError, match=r"unknown model 'nothing'; known: mobilenet, "):
        main(["foreign", "nothing"])


def test_the_list_builds_nothing(capsys):
    assert main(["foreign", "--list", "unet"]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == ["unet   Ronneberger 2015  64×64×3"]


def test_the_page_has_every_model_of_the_table_and_no_other():
    printed = PAGE.split("```")[1].splitlines()
    start = next(number for number, line in enumerate(printed) if line.startswith("-----")) + 1
    names = [line.split("  ")[0] for line in printed[start : printed.index("", start)]]
    assert names == list(MODELS)


@pytest.mark.conversion
def test_a_model_is_built_and_exported():
    done = subprocess.run(
        [sys.executable, "-m", "bench", "foreign", "vae-decoder", "--targets", "onnx-float32"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (found,) = [line.split() for line in done.stdout.splitlines() if line.startswith("vae-decoder")]
    assert found[:8] == ["vae-decoder", "Kingma", "2013", "8", "28,129", ".keras", "1", "0"]
    assert done.stderr == "building 1 models\nexporting vae-decoder\n"
