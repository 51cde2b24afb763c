"""The matrix goes by what happens in another process; checked here with the engines of this environment."""

import json
import os
import subprocess
import sys

import pytest

from bench import matrix, traps
from bench.environments import ENVIRONMENTS, ROOT, Environment
from runtime.bundle.reader import read_manifest
from tests.bundles import MODELS

HERE = Environment("tflite-runtime", "2.14.0", 1)


@pytest.fixture
def in_this_environment(monkeypatch):
    """Child processes with the packages that run the tests."""

    def python(environment, folder, *arguments, given=""):
        return subprocess.run(
            [sys.executable, *arguments], input=given, env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    monkeypatch.setattr(matrix, "python", python)


ENGINES_HERE = pytest.mark.parametrize(
    ("engine", "version"), [("tflite-runtime", "2.14.0"), ("litert", "2.3.0"), ("onnxruntime", "1.31.1")]
)


@ENGINES_HERE
def test_the_files_made_by_hand_are_predicted_as_they_are(tmp_path, in_this_environment, engine, version):
    cases = [matrix.Case(name, path.suffix[1:], path) for name, path in traps.by_hand(tmp_path).items()]
    found = matrix.assess(Environment(engine, version, 1), tmp_path, cases)
    assert {cell.mark for _, cell in found} == {"runs", "no"}, found
    assert len(found) == sum(
        case.format == ("onnx" if engine == "onnxruntime" else "tflite") for case in cases
    )


@ENGINES_HERE
def test_a_file_cut_short_runs_nowhere(tmp_path, in_this_environment, engine, version):
    """tflite-runtime may open one, by chance, and answer from what lies behind it in memory."""
    from tests import bundles

    golden = bundles.image_bundle(tmp_path / "tiny") / "golden.npz"
    sound = [(MODELS / f"image-float32.{form}").read_bytes() for form in ("tflite", "onnx")]
    cases = [
        matrix.Case(name, path.suffix[1:], path, golden, {"probabilities": 0.05})
        for name, path in traps.cut(*sound, tmp_path).items()
    ]
    assert {cell.mark for _, cell in matrix.assess(Environment(engine, version, 1), tmp_path, cases)} == {
        "no"
    }


def test_a_process_that_dies_has_answered_for_the_file_it_was_at(tmp_path, monkeypatch):
    # As tflite-runtime's does on half a file, most times: what it reads behind the end is left to chance.
    cases = [matrix.Case(name, "tflite", tmp_path / name) for name in ("sound", "half", "another")]
    ends = [(-11, '"runs"\n'), (0, '"ValueError: no"\n')]

    def python(environment, folder, *arguments, given=""):
        return subprocess.CompletedProcess(arguments, *ends.pop(0), "")

    monkeypatch.setattr(matrix, "python", python)
    assert matrix.truth(HERE, tmp_path, cases) == {
        "sound": "runs", "half": "the process ends: signal 11", "another": "ValueError: no",
    }  # fmt: skip


@pytest.mark.tflite_runtime
def test_wrong_answers_are_no(tmp_path, in_this_environment):
    from tests import bundles

    bundle = bundles.image_bundle(tmp_path / "tiny")
    golden = bundle / "golden.npz"
    good = matrix.Case("good", "tflite", MODELS / "image-int8.tflite", golden, {"probabilities": 0.05})
    strict = good._replace(name="strict", limits={"probabilities": 1e-9})
    answers = matrix.truth(HERE, tmp_path, [good, strict])
    assert answers["good"] == "runs" and answers["strict"].startswith("ParityError")


@pytest.mark.tflite_runtime
def test_each_of_several_outputs_is_held_to_its_own_limit(tmp_path, in_this_environment):
    from tests import bundles

    bundle = bundles.several_bundle(tmp_path / "several")
    manifest = read_manifest(bundle)
    variant = next(each for each in manifest.variants.values() if each.format == "tflite")
    limits = {name: limit.max_abs_error for name, limit in variant.tolerances.items()}
    good = matrix.Case("good", "tflite", bundle / variant.file, bundle / manifest.golden, limits)
    strict = [
        good._replace(name=name, limits={**limits, name: -1.0})  # not even the same answers are within that
        for name in limits
    ]
    answers = matrix.truth(HERE, tmp_path, [good, *strict])
    assert len(limits) > 1 and answers.pop("good") == "runs"
    assert all(answer.startswith("ParityError") for answer in answers.values())


def test_a_wrong_prediction_is_marked_and_counted(tmp_path):
    case = matrix.Case("file", "onnx", tmp_path / "file.onnx")
    column = next(column for column in ENVIRONMENTS if column.engine == "onnxruntime")
    text = matrix.report([case], {("file", column): matrix.Cell("runs", "Fail: no")}, {})
    assert "WRONG" in text and "1 cells, 0 predicted as they are, 1 wrong" in text


def test_the_answers_come_line_by_line():
    job = {"engine": "onnxruntime", "file": str(MODELS / "table-float32.onnx"), "golden": None, "limits": {}}
    done = subprocess.run(
        [sys.executable, "-m", "bench.truth"], input=json.dumps(job) + "\n", cwd=ROOT,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == "runs"
