"""Bundles of version 1, made before there was a second one, are read as strictly as ever, and still run."""

import copy
import json
import zipfile
from hashlib import sha256

import numpy as np
import pytest

import runtime
from runtime.backends import installed
from runtime.bundle.golden import contract_digest, kept, read_golden
from runtime.bundle.manifest import DriftLimits, InputRecord, OutputRecord, Score, Tolerance
from runtime.bundle.manifest_json import from_json, to_json, with_checksum
from runtime.bundle.reader import open_bundle, read_manifest
from runtime.errors import BundleError, ParityError
from tests.bundles import IMAGE, LABELS, MODELS, TABLE, npz

IMAGES, ROWS = MODELS / "version-1-image.zip", MODELS / "version-1-table.zip"
REMOVED = object()


@pytest.fixture(scope="module")
def values():
    """The manifest of the classifier as plain values, to be changed."""
    with zipfile.ZipFile(IMAGES) as archive:
        return json.loads(archive.read("manifest.json"))


@pytest.fixture
def unpacked(tmp_path):
    """The classifier's bundle as a folder, to be changed."""
    with zipfile.ZipFile(IMAGES) as archive:
        archive.extractall(tmp_path / "bundle")
    return tmp_path / "bundle"


def change(values, path, value):
    """A copy with the value at a path such as "input/shape" replaced, or removed."""
    changed = copy.deepcopy(values)
    *parents, last = path.split("/")
    inner = changed
    for key in parents:
        inner = inner[key]
    if value is REMOVED:
        del inner[last]
    else:
        inner[last] = value
    return with_checksum(changed)


def test_a_classifier_is_one_input_and_one_output():
    manifest = read_manifest(IMAGES)
    assert manifest.manifest_version == 1
    assert manifest.inputs == {"image": IMAGE}
    assert manifest.outputs == {
        "probabilities": OutputRecord("probabilities", (3,), "classification", labels=LABELS)
    }
    assert manifest.original.metrics == {"probabilities": Score("accuracy", 0.9)}
    variant = manifest.variants["tflite-int8"]
    assert variant.inputs == {"image": IMAGE.tensor} and list(variant.outputs) == ["probabilities"]
    assert variant.tolerances == {"probabilities": Tolerance(0.05, "int8 weights and activations")}
    assert variant.recorded == {"probabilities": DriftLimits(2e-2, 1e-5, "rounding between two steps")}


def test_a_regressor_has_its_unit_for_every_value():
    manifest = read_manifest(ROWS)
    assert manifest.inputs == {"rows": TABLE}
    assert manifest.outputs["value"] == OutputRecord("value", (1,), "regression", units=("cm³",))


@pytest.mark.parametrize("path", [IMAGES, ROWS], ids=["image", "table"])
def test_every_variant_passes_its_self_test_on_every_engine(path):
    manifest, golden = read_manifest(path), read_golden(open_bundle(path))
    (inputs,), (outputs,) = golden.inputs.values(), golden.outputs.values()
    for variant in manifest.variants.values():
        (output,) = variant.outputs
        for engine in filter(installed, variant.engines):
            model = runtime.load(path, variant.name, engine)
            assert np.abs(model.predict(inputs) - outputs).max() <= variant.tolerances[output].max_abs_error
            assert golden.recordings(variant.name, output) and golden.probe_recordings(variant.name, output)


def test_only_the_arrays_of_a_variant_are_unpacked():
    found = read_golden(open_bundle(IMAGES), "tflite-int8")
    assert sorted(found.recorded) == sorted(found.probed)
    assert sorted(found.recorded)[0] == "tflite-int8/probabilities"
    assert {name.split("/")[0] for name in found.recorded} == {"tflite-int8"}


def test_answers_that_have_drifted_are_found(unpacked):
    golden = read_golden(open_bundle(unpacked))
    arrays = {"inputs": golden.inputs["image"], "outputs": golden.outputs["probabilities"]}
    for group, answers in (("outputs", golden.recorded), ("probes", golden.probed)):
        wrong = {f"{group}/onnx-float32": answers["onnx-float32/probabilities"][::-1].copy()}
        _replace(unpacked, npz(**arrays, **wrong))
        with pytest.raises(ParityError, match="from those recorded at export"):
            runtime.load(unpacked, "onnx-float32")
    _replace(unpacked, npz(**arrays | {"outputs": arrays["outputs"][::-1].copy()}))
    with pytest.raises(ParityError, match="above the tolerance"):
        runtime.load(unpacked, "onnx-float32")


def _replace(bundle, golden):
    (bundle / "golden.npz").write_bytes(golden)
    values = json.loads((bundle / "manifest.json").read_text())
    values["files"]["golden.npz"] = {
        "sha256": sha256(golden).hexdigest(), "size_bytes": len(golden)
    }  # fmt: skip
    (bundle / "manifest.json").write_text(with_checksum(values))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("labels", ["square", "circle", "star"]),
        ("input/high", 254),
        ("input/low", 1),
        ("unit", "points"),
    ],
)
def test_samples_of_another_contract_are_refused(unpacked, values, path, value):
    (unpacked / "manifest.json").write_text(change(values, path, value))
    with pytest.raises(BundleError, match="recorded for other labels, other units or other columns"):
        read_golden(open_bundle(unpacked))


def test_the_contract_is_that_of_the_first_version():
    """The digests that edgeproof 0.1 wrote into these bundles."""
    for path in (IMAGES, ROWS):
        with zipfile.ZipFile(path) as archive, archive.open("golden.npz") as file:
            written = np.load(file)["contract"]
        assert np.array_equal(contract_digest(read_manifest(path)), written)


def test_many_golden_samples_and_wide_outputs_were_allowed(unpacked):
    rng = np.random.default_rng(0)
    outputs = rng.random((40, 3000)).astype(np.float32)
    _replace(unpacked, npz(inputs=np.zeros((40, 8, 8, 1), np.uint8), outputs=outputs))
    values = json.loads((unpacked / "manifest.json").read_text())
    values["labels"] = [f"class {place}" for place in range(3000)]
    values["output"]["shape"] = [3000]
    for variant in values["variants"].values():
        variant["outputs"]["probabilities"]["shape"] = [None, 3000]
    (unpacked / "manifest.json").write_text(with_checksum(values))
    found = read_golden(open_bundle(unpacked))
    assert np.array_equal(found.outputs["probabilities"], kept(outputs))


def test_names_may_be_any(values):
    text = json.dumps(values).replace('"image": {', '"StatefulPartitionedCall:0": {')
    changed = json.loads(text)
    changed["input"]["name"] = changed["output"]["name"] = "StatefulPartitionedCall:0"
    for variant in changed["variants"].values():
        variant["outputs"] = {"StatefulPartitionedCall:0": variant["outputs"]["probabilities"]}
    manifest = from_json(with_checksum(changed))
    assert list(manifest.inputs) == list(manifest.outputs) == ["StatefulPartitionedCall:0"]
    assert manifest.inputs["StatefulPartitionedCall:0"] == InputRecord(
        "image", "StatefulPartitionedCall:0", (8, 8, 1), "uint8", 0, 255, resize="stretch"
    )


def test_nothing_is_written_in_the_first_version(unpacked):
    with pytest.raises(
        BundleError, match=r"manifest\.json: 'manifest_version' is 1; only version 2 is written"
    ):
        to_json(read_manifest(unpacked))


def test_the_quantization_of_a_tensor_is_checked_and_not_kept(values):
    tensor = values["variants"]["tflite-int8"]["inputs"]["image"]
    assert list(tensor) == ["dtype", "shape", "scale", "zero_point"]
    changed = change(values, "variants/tflite-int8/inputs/image", tensor | {"scale": 0.5, "zero_point": -128})
    assert from_json(changed) == from_json(with_checksum(values))


EVERY_KEY = [
    "manifest_version", "producer", "model", "task", "labels", "unit", "parameters", "input", "output", "original",
    "golden", "files", "variants", "input/kind", "input/name", "input/shape", "input/dtype", "input/low", "input/high",
    "output/name", "output/shape", "original/sha256", "original/device", "original/metric_name", "original/metric",
    "files/golden.npz/sha256", "files/golden.npz/size_bytes", "variants/tflite-int8/format",
    "variants/tflite-int8/scheme", "variants/tflite-int8/file", "variants/tflite-int8/engines",
    "variants/tflite-int8/inputs", "variants/tflite-int8/outputs", "variants/tflite-int8/tolerance",
    "variants/tflite-int8/converter", "variants/tflite-int8/tolerance/max_abs_error",
    "variants/tflite-int8/tolerance/reason", "variants/tflite-int8/inputs/image",
    "variants/tflite-int8/inputs/image/dtype", "variants/tflite-int8/inputs/image/shape",
    "variants/tflite-int8/inputs/image/scale", "variants/tflite-int8/inputs/image/zero_point",
]  # fmt: skip


@pytest.mark.parametrize("path", EVERY_KEY)
def test_every_key_is_required(values, path):
    with pytest.raises(BundleError, match=f"{path.split('/')[-1]}.*is missing"):
        from_json(change(values, path, REMOVED))


@pytest.mark.parametrize("path", EVERY_KEY)
def test_no_key_takes_a_value_of_another_type(values, path):
    wrong = True  # no key is a truth value
    with pytest.raises(BundleError, match="must be"):
        from_json(change(values, path, wrong))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("task", "clustering", "known: classification, regression"),
        ("task", "tensor", "known: classification, regression"),
        ("labels", None, "do not fit the task classification"),
        ("labels", ["one", "two"], "are 2, but the output has the shape"),
        ("labels", ["one", "two", 3], "strings"),
        ("input/kind", "tensor", "known: image, table"),
        ("input/shape", [8, 8, 2], "1 or 3"),
        ("input/shape", [0, 8, 1], "at least 1"),
        ("input/high", 256, "from 0 to 255"),
        ("input/low", 255, "0 <= low < high <= 255"),
        ("input/dtype", "float32", "known: uint8"),
        ("output/shape", [1, 3], "one dimension"),
        ("output/shape", [0], "one dimension of at least 1"),
        ("original/sha256", "A" * 64, "lower-case hex"),
        ("variants/tflite-int8/scheme", "float32", "does not fit the name 'tflite-int8'"),
        ("variants/tflite-int8/file", "absent.tflite", "not among the files"),
        ("variants/tflite-int8/inputs/image/shape", [None, 8, 8], "expected null for the batch"),
        ("variants/tflite-int8/inputs/image/dtype", "int8", "expected 'float32'"),
        ("variants/tflite-int8/tolerance/max_abs_error", -0.1, "negative"),
        ("variants/tflite-int8/recorded/usual_abs_error", 1, "from 0 to max_abs_error"),
        ("variants/tflite-int8/inputs", {"image": 1, "mask": 2}, "at most 1"),
    ],
)
def test_values_outside_the_limits_are_refused(values, path, value, words):
    with pytest.raises(BundleError, match=words):
        from_json(change(values, path, value))
