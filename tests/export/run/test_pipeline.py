"""What goes wrong in a worker or at the gate stays with its own row; the rest goes on, and old bundles stay whole."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from export.checks.gate import Demand
from export.formats.table import FORMATS
from export.run import pipeline, plan
from export.run.workers import Workers
from export.targets import TARGETS, RelativeTolerance
from export.trained.search import find_original
from tests.conftest import ENGINES_HERE, NO_TFLITE_RUNTIME, ROOT, shared_workers
from tests.export.run import crash

pytestmark = pytest.mark.conversion
DEMAND = Demand(budget=20.0)  # what 111 test samples can prove


@pytest.fixture
def model(tmp_path):
    """A model folder of its own, so that nothing of the checkout is written to."""
    shutil.copytree(
        ROOT / "artifacts" / "diabetes-mlp",
        tmp_path / "diabetes-mlp",
        ignore=shutil.ignore_patterns("bundle"),
    )
    return find_original("diabetes-mlp", [tmp_path])


def export(model, targets, out):
    told = []
    (done,) = pipeline.export(
        shared_workers(),
        [model],
        targets,
        out,
        None,
        {model.name: None},
        lambda *what: told.append(what),
        DEMAND,
    )
    assert told[-1][1] <= told[-1][2]
    return done


def statuses(done):
    return {(row.variant, row.engine): row.status for row in done.rows}


def here(expected):
    """The statuses with this Python: an engine without a wheel is skipped where the file could be built."""
    return {
        key: "skipped" if status == "ok" and key[1] not in ENGINES_HERE else status
        for key, status in expected.items()
    }


def leftovers(folder: Path):
    return [path.name for path in folder.glob(".bundle-*")]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("abort", "its worker process died (exit code -6): LLVM ERROR: out of registers"),
        ("killed", "its worker process died (exit code -9)"),
        ("raises", "ValueError: no such thing as a second line"),
    ],
)
def test_a_converter_that_takes_its_worker_along_fails_its_own_row(model, tmp_path, monkeypatch, how, said):
    names = ["tflite-float16", "tflite-int8", "onnx-float32"]
    monkeypatch.setitem(FORMATS["tflite"].converters, "float16", getattr(crash, how))
    done = export(model, [TARGETS[name] for name in names], tmp_path)
    assert statuses(done) == here({
        ("tflite-float16", "litert"): "failed",
        ("tflite-float16", "tflite-runtime"): "failed",
        ("tflite-int8", "litert"): "ok",
        ("tflite-int8", "tflite-runtime"): "ok",
        ("onnx-float32", "onnxruntime"): "ok",
    })  # fmt: skip
    reasons = {row.reason for row in done.rows if row.status == "failed"}
    assert len(reasons) == 1 and said in reasons.pop()
    manifest = json.loads((done.bundle / "manifest.json").read_text())
    assert set(manifest["variants"]) == {"tflite-int8", "onnx-float32"}
    assert "tflite-float16.tflite" not in manifest["files"]
    assert leftovers(tmp_path / model.name) == []


def test_what_is_made_from_a_failed_build_fails_for_its_reason(model, tmp_path, monkeypatch):
    monkeypatch.setitem(FORMATS["tflite"].converters, "float32", crash.raises)
    done = export(model, [TARGETS["tflite-int8"], TARGETS["onnx-float32"]], tmp_path)
    for row in done.rows:
        if row.variant == "tflite-int8":
            assert row.status == "failed" and "no such thing" in row.reason
        else:
            assert row.status == "ok"


def test_a_float32_file_outside_its_tolerance_does_not_enter_the_bundle(model, tmp_path):
    strict = replace(TARGETS["tflite-float32"], tolerance=RelativeTolerance(0.0, "nothing is that good"))
    done = export(model, [strict, TARGETS["tflite-int8"]], tmp_path)
    found = {
        row.status for row in done.rows if row.variant == "tflite-float32" and row.engine in ENGINES_HERE
    }
    assert found == {"failed"}
    assert all("nothing is that good" in row.reason for row in done.rows if row.status == "failed")
    assert not (done.bundle / "tflite-float32.tflite").exists()
    assert (done.bundle / "tflite-int8.tflite").exists()


def test_a_variant_that_loses_too_much_does_not_enter_the_bundle(model, tmp_path, monkeypatch):
    monkeypatch.setitem(FORMATS["tflite"].converters, "dynamic", crash.another_model)
    monkeypatch.setitem(
        FORMATS, "tflite", replace(FORMATS["tflite"], prove=None)
    )  # it is no dynamic file either
    done = export(model, [TARGETS["tflite-dynamic"], TARGETS["tflite-float32"]], tmp_path)
    lost = [row for row in done.rows if row.variant == "tflite-dynamic" and row.engine in ENGINES_HERE]
    for row in lost:
        assert row.status == "failed" and "more than the 20 allowed" in row.reason
        assert row.metric_drop_low > 0 and row.metric > 1.5 * row.metric_original
    assert lost and not (done.bundle / "tflite-dynamic.tflite").exists()


def test_when_nothing_passes_the_previous_bundle_stays(model, tmp_path):
    good = export(model, [TARGETS["onnx-float32"]], tmp_path)
    before = {path.name: path.read_bytes() for path in good.bundle.iterdir() if path.is_file()}
    impossible = replace(TARGETS["onnx-float32"], tolerance=RelativeTolerance(-1.0, "impossible"))
    bad = export(model, [impossible], tmp_path)
    assert bad.bundle is None
    assert {path.name: path.read_bytes() for path in good.bundle.iterdir() if path.is_file()} == before
    assert leftovers(tmp_path / model.name) == []


def test_an_engine_that_is_not_installed_is_skipped_and_said_so(model, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "engine_version", lambda engine: None if engine == "tflite-runtime" else "1.0")
    done = export(model, [TARGETS["tflite-float32"]], tmp_path)
    assert statuses(done) == {
        ("tflite-float32", "litert"): "ok",
        ("tflite-float32", "tflite-runtime"): "skipped",
    }
    assert (NO_TFLITE_RUNTIME or "tflite-runtime is not installed here") in {row.reason for row in done.rows}
    manifest = json.loads((done.bundle / "manifest.json").read_text())
    assert manifest["variants"]["tflite-float32"]["engines"] == ["litert"]


def test_an_interrupted_export_leaves_the_previous_bundle_and_no_rests(model, tmp_path, monkeypatch):
    good = export(model, [TARGETS["onnx-float32"]], tmp_path)
    before = (good.bundle / "manifest.json").read_bytes()

    def interrupt(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Workers(1) as workers:
        pipeline.export(
            workers, [model], [TARGETS["onnx-float32"]], tmp_path, None, {model.name: None}, interrupt, DEMAND
        )
    assert (good.bundle / "manifest.json").read_bytes() == before
    assert leftovers(tmp_path / model.name) == []


def test_what_killed_exports_left_is_removed_and_what_others_build_is_not(tmp_path):
    (tmp_path / ".bundle-killed").mkdir()
    (tmp_path / ".bundle-killed" / "tflite-int8.tflite").write_text("half")
    with pipeline.staging(tmp_path) as other, pipeline.staging(tmp_path) as ours:
        assert {path.name for path in tmp_path.iterdir()} == {other.name, ours.name}
    assert not list(tmp_path.iterdir())
