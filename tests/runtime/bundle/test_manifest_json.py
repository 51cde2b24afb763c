"""The manifest's reader takes what docs/bundle.md allows and nothing else."""

import copy
import json
from hashlib import sha256

import pytest

from runtime.bundle.manifest import Score
from runtime.bundle.manifest_json import from_json, to_json, with_checksum
from runtime.bundle.reader import read_manifest
from runtime.errors import BundleError


@pytest.fixture
def values(image_bundle):
    """The manifest as plain values, to be changed."""
    return json.loads((image_bundle / "manifest.json").read_text())


REMOVED = object()


def change(values, path, value):
    """A copy with the value at a path such as "inputs/image/shape" replaced, or removed."""
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


def test_a_manifest_survives_the_way_through_json(image_bundle, table_bundle, several_bundle):
    for bundle in (image_bundle, table_bundle, several_bundle):
        manifest = read_manifest(bundle)
        text = to_json(manifest)
        assert from_json(text) == manifest
        assert to_json(from_json(text)) == text


def test_unknown_keys_are_room_for_additions(values, image_bundle):
    values["later"] = {"any": "thing"}
    values["variants"]["tflite-int8"]["later"] = 1
    assert from_json(with_checksum(values)) == read_manifest(image_bundle)


def test_what_may_be_missing_may_be_null(values, image_bundle):
    manifest = read_manifest(image_bundle)
    values["inputs"]["image"] |= {"columns": None, "vocabulary": None, "resize": None}
    values["outputs"]["probabilities"] |= {"columns": None, "units": None, "input": None}
    values["variants"]["tflite-int8"] |= {"notes": None}
    assert from_json(with_checksum(values)) == manifest
    del values["inputs"]["image"]["resize"]  # which is "stretch"
    assert from_json(with_checksum(values)) == manifest


@pytest.mark.parametrize("missing", [REMOVED, None], ids=["missing", "null"])
def test_a_variant_without_recorded_answers_is_compared_with_none(values, missing):
    found = from_json(change(values, "variants/tflite-int8/outputs/probabilities/recorded", missing)).variants
    assert found["tflite-int8"].recorded == {} and found["tflite-dynamic"].recorded


def test_notes_are_sentences(values):
    found = from_json(change(values, "variants/tflite-int8/notes", ["the layer lstm is kept in float32"]))
    assert found.variants["tflite-int8"].notes == ("the layer lstm is kept in float32",)
    assert from_json(to_json(found)) == found
    with pytest.raises(BundleError, match="'notes' must hold strings"):
        from_json(change(values, "variants/tflite-int8/notes", [1]))


def test_a_metric_of_the_user_has_a_direction_and_others_no_key_for_it(values):
    assert set(values["original"]["metrics"]["probabilities"]) == {"name", "value"}
    found = from_json(change(values, "original/metrics/probabilities/better", "lower"))
    assert found.original.metrics["probabilities"].better == "lower"
    assert from_json(to_json(found)) == found


OUTPUT = "variants/tflite-int8/outputs/probabilities"
EVERY_KEY = [
    "manifest_version", "producer", "model", "parameters", "inputs", "outputs", "original", "golden", "files",
    "variants", "inputs/image/kind", "inputs/image/shape", "inputs/image/dtype", "inputs/image/low",
    "inputs/image/high", "outputs/probabilities/task", "outputs/probabilities/shape", "outputs/probabilities/dtype",
    "outputs/probabilities/labels", "original/sha256", "original/device", "original/metrics",
    "original/metrics/probabilities/name", "original/metrics/probabilities/value", "files/golden.npz/sha256",
    "files/golden.npz/size_bytes", "variants/tflite-int8/format", "variants/tflite-int8/scheme",
    "variants/tflite-int8/file", "variants/tflite-int8/engines", "variants/tflite-int8/converter",
    "variants/tflite-int8/inputs", "variants/tflite-int8/inputs/image", "variants/tflite-int8/inputs/image/dtype",
    "variants/tflite-int8/inputs/image/shape", "variants/tflite-int8/outputs", OUTPUT, f"{OUTPUT}/dtype",
    f"{OUTPUT}/shape", f"{OUTPUT}/tolerance", f"{OUTPUT}/tolerance/max_abs_error", f"{OUTPUT}/tolerance/reason",
    f"{OUTPUT}/recorded/max_abs_error", f"{OUTPUT}/recorded/usual_abs_error", f"{OUTPUT}/recorded/reason",
]  # fmt: skip
MAY_BE_MISSING = [f"{OUTPUT}/recorded", "inputs/image/resize", "original/metrics/probabilities/better"]


@pytest.mark.parametrize("path", EVERY_KEY)
def test_every_key_is_required(values, path):
    with pytest.raises(BundleError, match=f"{path.split('/')[-1]}.*is missing"):
        from_json(change(values, path, REMOVED))


@pytest.mark.parametrize("path", [*EVERY_KEY, *MAY_BE_MISSING])
def test_no_key_takes_a_value_of_another_type(values, path):
    wrong = True  # no key is a truth value
    with pytest.raises(BundleError, match="must be"):
        from_json(change(values, path, wrong))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (
            "manifest_version",
            3,
            "manifest version 3, this edgeproof reads 1 and 2; install a newer edgeproof",
        ),
        ("manifest_version", 0, "manifest version 0, this edgeproof reads 1 and 2; export the bundle again"),
        ("manifest_version", -1, "from 0 to"),
        ("manifest_version", 1.0, "whole number"),
        ("model", "", "1 to 100 printable"),
        ("model", "x" * 101, "1 to 100 printable"),
        ("model", "a\nb", "printable"),
        ("inputs", {}, "is empty; a model has at least one input"),
        ("outputs", {}, "is empty; a model has at least one output"),
        ("inputs", {f"i{place}": {} for place in range(65)}, "65 keys; at most 64"),
        ("outputs", {f"o{place}": {} for place in range(65)}, "65 keys; at most 64"),
        ("original/sha256", "A" * 64, "lower-case hex"),
        ("original/sha256", "a" * 63, "lower-case hex"),
        (
            "original/metrics",
            {"other": {"name": "accuracy", "value": 1}},
            "'other' is no output; the outputs are p",
        ),
        ("original/metrics/probabilities/name", "x" * 101, "1 to 100 printable"),
        ("original/metrics/probabilities/better", "up", "'better' is 'up'; known: higher, lower"),
        ("golden", "other.npz", "not among the files"),
        ("golden", "../golden.npz", "not a safe path"),
        ("files/golden.npz/size_bytes", -1, "from 0 to"),
        ("files/golden.npz/size_bytes", 1 << 40, "from 0 to"),
        ("variants/tflite-int8/scheme", "float32", "does not fit the name 'tflite-int8'"),
        ("variants/tflite-int8/format", "onnx", "does not fit the name"),
        ("variants/tflite-int8/format", "pickle", "known: saved_model, tflite, onnx"),
        ("variants/tflite-int8/file", "absent.tflite", "not among the files"),
        (
            "variants/tflite-int8/inputs/image/shape",
            [None, 8, 8],
            "expected null for the batch, then .8, 8, 1",
        ),
        ("variants/tflite-int8/inputs/image/shape", [1, 8, 8, 1], "expected null for the batch"),
        ("variants/tflite-int8/inputs/image/dtype", "uint8", "is 'uint8'; expected 'float32'"),
        ("variants/tflite-int8/inputs", {"image": 1, "mask": 2}, "name 'mask'; the manifest's are image"),
        ("variants/tflite-int8/outputs", {"other": 2}, "name 'other'; the manifest's are probabilities"),
        (f"{OUTPUT}/shape", [None, 4], "expected null for the batch, then .3"),
        (f"{OUTPUT}/tolerance/max_abs_error", -0.1, "negative"),
        (f"{OUTPUT}/recorded/usual_abs_error", 1, "must be from 0 to max_abs_error"),
        (f"{OUTPUT}/recorded/usual_abs_error", -1, "must be from 0 to max_abs_error"),
    ],
)
def test_values_outside_the_limits_are_refused(values, path, value, words):
    with pytest.raises(BundleError, match=words):
        from_json(change(values, path, value))


def test_the_name_of_a_variant_has_no_slash(values):
    values["variants"]["tflite-a/b"] = values["variants"]["tflite-int8"] | {"scheme": "a/b"}
    with pytest.raises(BundleError, match="does not fit the name 'tflite-a/b'"):
        from_json(with_checksum(values))


def test_a_vocabulary_is_a_file_of_the_bundle(several_bundle):
    values = json.loads((several_bundle / "manifest.json").read_text())
    with pytest.raises(BundleError, match=r"'inputs' name 'other\.txt', which is not among the files"):
        from_json(change(values, "inputs/words/vocabulary", "other.txt"))


def test_the_writer_writes_nothing_that_the_reader_refuses(image_bundle):
    manifest = read_manifest(image_bundle)
    outputs = {"probabilities": manifest.outputs["probabilities"]._replace(labels=("one",))}
    with pytest.raises(BundleError, match="labels"):
        to_json(manifest._replace(outputs=outputs))
    metrics = {"probabilities": Score("accuracy", float("nan"))}
    with pytest.raises(BundleError, match="not JSON compliant"):
        to_json(manifest._replace(original=manifest.original._replace(metrics=metrics)))


def test_a_manifest_that_is_not_what_was_written_is_refused(image_bundle):
    text = (image_bundle / "manifest.json").read_text()
    for old, new in (
        ('"max_abs_error": 0.05', '"max_abs_error": 0.95'),
        ('"circle"', '"circla"'),
        ('"checksum": "', '"checksum": "0'),
        ("\n", "\r\n"),
        ('"producer"', ' "producer"'),
    ):
        assert old in text
        with pytest.raises(BundleError, match="checksum"):
            from_json(text.replace(old, new, 1))
    before, after = text.rsplit('"checksum"', 1)
    with pytest.raises(BundleError, match="'checksum' is missing"):
        from_json(f'{before}"chacksum"{after}')


def test_the_checksum_is_of_the_bytes_before_it(image_bundle):
    content = (image_bundle / "manifest.json").read_bytes()
    before, _, after = content.rpartition(b'"checksum"')
    assert after.decode() == f': "{sha256(before).hexdigest()}"\n}}\n'
