"""The four models, exported through the command line: what the report says, and what stands in the bundles."""

import hashlib
import json

import numpy as np
import pytest

import runtime
from export.targets import NOT_NEEDED, PLAIN
from tests.conftest import DOWNLOADED, ENGINES_HERE, MODELS, Export, run_export

CONTRACT = {
    "model", "variant", "engine", "status", "reason", "size_bytes", "metric_name", "metric", "metric_original",
    "max_abs_error", "top1_agreement", "latency_us_p50", "latency_us_p90", "latency_us_p99",
}  # fmt: skip


def rows_of(exported: Export, **wanted: str) -> list[dict]:
    return [row for row in exported.rows if all(row[key] == value for key, value in wanted.items())]


def test_every_variant_of_every_model_passes_on_every_engine(exported):
    assert exported.code == 0, exported.stdout
    found = {(row["model"], row["variant"], row["engine"]): row["status"] for row in exported.rows}
    wanted = {
        (model, name, engine)
        for model in MODELS
        for name, target in PLAIN.items()
        for engine in target.engines
        if engine in ENGINES_HERE
    }
    assert set(found) == wanted
    assert len(PLAIN) == 10
    assert f"tflite-int8-mixed and onnx-int8-mixed {NOT_NEEDED}" in exported.stdout
    assert {key: status for key, status in found.items() if status not in ("ok", "unproven")} == {}
    # float32 is proved by parity. For the rest, 360 and 111 test samples are too few to prove a loss as small as the
    # budget, and 10,000 are enough.
    by_parity = {key for key in found if key[1] == "saved_model" or key[1].endswith("float32")}
    proved = by_parity | {key for key in found if key[0] == "mnist-cnn"}
    assert {found[key] for key in proved} == {"ok"}


def test_rows_keep_the_contract(exported):
    for row in exported.rows:
        assert set(row) >= CONTRACT
        assert row["size_bytes"] > 0
        assert 0 < row["latency_us_p50"] <= row["latency_us_p90"] <= row["latency_us_p99"]
        if row["metric_name"] == "accuracy":
            assert 0 <= row["top1_agreement"] <= 1
        else:
            assert row["top1_agreement"] is None


def test_float32_is_within_1e5_of_the_original(exported):
    for row in exported.rows:
        if row["variant"].endswith("float32") and row["model"] != "diabetes-mlp":
            assert row["max_abs_error"] <= 1e-5, row
        # Values around 150: 1e-5 of their range is all that float32 can promise.
        elif row["variant"].endswith("float32"):
            assert row["max_abs_error"] <= 1e-5 * 300, row


def measured(exported: Export, model: str) -> bool:
    return exported.has_data or model not in DOWNLOADED


@pytest.mark.parametrize("model", MODELS)
def test_accuracy_is_measured_where_the_data_is_and_never_guessed(exported, model):
    for row in rows_of(exported, model=model):
        if measured(exported, model):
            assert row["metric"] is not None and row["split"] == "test", row
            assert row["metric_drop_low"] <= row["metric_drop_high"]
            unproven = row["status"] == "unproven"
            assert row["reason"] is None or (unproven and "within the budget" in row["reason"]), row
        else:
            float32 = row["variant"] == "saved_model" or row["variant"].endswith("float32")
            assert row["metric"] is None
            assert row["reason"].startswith(
                f"{row['metric_name']} not measured" if float32 else "budget not checked"
            )
            assert "not found: tried" in row["reason"]


@pytest.mark.parametrize("model", MODELS)
def test_quantized_variants_lose_no_more_than_the_gate_allows(exported, model):
    if not measured(exported, model):
        # Without the data there is nothing to lose here; that the rows say so is the test above.
        assert all(row["metric"] is None for row in rows_of(exported, model=model))
        return
    for row in rows_of(exported, model=model):
        loss = row["metric_original"] - row["metric"]
        if row["metric_name"] == "accuracy":
            assert loss <= 0.003, row
        else:
            assert -loss <= 0.01 * row["metric_original"], row


def test_int8_of_the_cnn_is_good_and_not_only_let_through(exported):
    for row in rows_of(exported, model="mnist-cnn"):
        if row["variant"].endswith("int8") and row["metric"] is not None:
            assert abs(row["metric"] - row["metric_original"]) <= 0.001, row
            assert row["top1_agreement"] >= 0.998, row


def test_four_models_in_sixty_seconds_and_again_in_ten(exported):
    again = run_export(*MODELS, out=exported.out)
    assert again.code == 0
    assert "nothing changed for" in again.stdout
    assert again.seconds <= 10
    assert again.rows == exported.rows


def test_a_damaged_bundle_is_built_anew(exported, tmp_path):
    first = run_export("diabetes-mlp", "--jobs", "1", "--targets", "onnx-float32", out=tmp_path)
    assert first.code == 0
    path = tmp_path / "diabetes-mlp" / "bundle" / "onnx-float32.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    again = run_export("diabetes-mlp", "--jobs", "1", "--targets", "onnx-float32", out=tmp_path)
    assert "nothing changed" not in again.stdout
    manifest = json.loads((path.parent / "manifest.json").read_text())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == manifest["files"][path.name]["sha256"]


@pytest.mark.parametrize("model", MODELS)
def test_the_manifest_names_every_file_and_its_hash(exported, model):
    folder = exported.out / model / "bundle"
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {
        "manifest.json"
    }
    assert set(manifest["files"]) == files
    for name, record in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (record["sha256"], record["size_bytes"])
    assert set(manifest["variants"]) == set(PLAIN)
    assert (folder / "golden.npz").stat().st_size <= 64 << 10


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("variant", [name for name in PLAIN if name != "saved_model"])
def test_every_variant_answers_the_same_through_predict(exported, model, variant):
    folder = exported.out / model / "bundle"
    golden = np.load(folder / "golden.npz")
    manifest = json.loads((folder / "manifest.json").read_text())
    (taken,), (given,) = manifest["inputs"], manifest["outputs"]
    inputs, outputs = golden[f"inputs/{taken}"], golden[f"outputs/{given}"]
    for engine in set(PLAIN[variant].engines) & set(ENGINES_HERE):
        loaded = runtime.load(folder, variant=variant, engine=engine)
        answers = loaded.predict(inputs)
        assert answers.shape == outputs.shape and answers.dtype == np.float32
        limit = manifest["variants"][variant]["outputs"][given]["tolerance"]["max_abs_error"]
        assert np.abs(answers - outputs).max() <= limit


def test_report_md_holds_what_report_json_holds(exported):
    text = (exported.out / "report.md").read_text()
    for model in MODELS:
        assert f"## {model}" in text
    for row in exported.rows:
        assert f"| {row['variant']} | {row['engine']} | {row['size_bytes'] / 1024:,.1f} KiB" in text
