"""The manifest's reader takes what docs/bundle.md allows and nothing else."""

import copy
import json
from hashlib import sha256

import pytest

from runtime.bundle.manifest_json import from_json, to_json, with_checksum
from runtime.bundle.reader import read_manifest
from runtime.errors import BundleError


@pytest.fixture
def values(image_bundle):
    """The manifest as plain values, to be changed."""
    return json.loads((image_bundle / "manifest.json").read_text())


def change(values, path, value):
    """A copy with the value at a path such as "input.shape" replaced, or removed where it is None."""
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


REMOVED = object()


def test_a_manifest_survives_the_way_through_json(image_bundle, table_bundle):
    for bundle in (image_bundle, table_bundle):
        manifest = read_manifest(bundle)
        text = to_json(manifest)
        assert from_json(text) == manifest
        assert to_json(from_json(text)) == text


def test_unknown_keys_are_room_for_additions(values, image_bundle):
    values["later"] = {"any": "thing"}
    values["variants"]["tflite-int8"]["later"] = 1
    assert from_json(with_checksum(values)) == read_manifest(image_bundle)


def test_the_quantization_of_a_tensor_is_checked_and_not_kept(values, image_bundle):
    """Version 1 has keys for it, which nobody uses: they are written as null, and read by the same rules as ever."""
    tensor = values["variants"]["tflite-int8"]["inputs"]["image"]
    assert list(tensor) == ["dtype", "shape", "scale", "zero_point"]
    assert tensor["scale"] is None and tensor["zero_point"] is None
    tensor |= {"scale": 0.5, "zero_point": -128}
    assert from_json(with_checksum(values)) == read_manifest(image_bundle)


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
        ("manifest_version", 2, "manifest version 2, this edgeproof reads 1; install a newer edgeproof"),
        ("manifest_version", 0, "manifest version 0, this edgeproof reads 1; export the bundle again"),
        ("manifest_version", -1, "from 0 to"),
        ("manifest_version", 1.0, "whole number"),
        ("task", "clustering", "known: classification, regression"),
        ("labels", None, "do not fit the task classification"),
        ("labels", ["one", "two"], "are 2, but the output has the shape"),
        ("labels", ["one", "two", 3], "strings"),
        ("labels", ["one", "two", "a\x1b[2J"], "printable"),
        ("model", "", "1 to 100 printable"),
        ("model", "x" * 101, "1 to 100 printable"),
        ("model", "a\nb", "printable"),
        ("input/shape", [8, 8], r"an image has \[height, width"),
        ("input/shape", [8, 8, 2], "1 or 3"),
        ("input/shape", [0, 8, 1], "at least 1"),
        ("input/shape", [1 << 20, 1 << 20, 1], "at most"),
        ("input/shape", [8, 8, None], "whole numbers"),
        ("input/high", 256, "0 <= low < high <= 255"),
        ("input/low", 255, "0 <= low < high <= 255"),
        ("input/dtype", "float32", "known: uint8"),
        ("output/shape", [1, 3], "one dimension"),
        ("original/sha256", "A" * 64, "lower-case hex"),
        ("original/sha256", "a" * 63, "lower-case hex"),
        ("golden", "other.npz", "not among the files"),
        ("files/golden.npz/size_bytes", -1, "from 0 to"),
        ("files/golden.npz/size_bytes", 1 << 40, "from 0 to"),
        ("variants/tflite-int8/scheme", "float32", "does not fit the name 'tflite-int8'"),
        ("variants/tflite-int8/format", "onnx", "does not fit the name"),
        ("variants/tflite-int8/format", "pickle", "known: saved_model, tflite, onnx"),
        ("variants/tflite-int8/file", "absent.tflite", "not among the files"),
        ("variants/tflite-int8/inputs/image/shape", [None, 8, 8], "expected null for the batch"),
        ("variants/tflite-int8/inputs/image/shape", [1, 8, 8, 1], "expected null for the batch"),
        ("variants/tflite-int8/inputs/image/dtype", "int8", "known: float32"),
        ("variants/tflite-int8/tolerance/max_abs_error", -0.1, "negative"),
        ("variants/tflite-int8/inputs", {"image": 1, "mask": 2}, "at most 1"),
    ],
)
def test_values_outside_the_limits_are_refused(values, path, value, words):
    with pytest.raises(BundleError, match=words):
        from_json(change(values, path, value))


def test_the_writer_writes_nothing_that_the_reader_refuses(image_bundle):
    manifest = read_manifest(image_bundle)
    with pytest.raises(BundleError, match="labels"):
        to_json(manifest._replace(labels=("one",)))
    with pytest.raises(BundleError, match="not JSON compliant"):
        to_json(manifest._replace(original=manifest.original._replace(metric=float("nan"))))


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
