"""Manifests that somebody made to do harm."""

import json

import pytest

import runtime
from runtime.bundle.manifest_json import with_checksum
from runtime.bundle.reader import open_bundle
from runtime.errors import BundleError, EdgeProofError

PATHS = [
    "../outside.tflite", "/etc/passwd", "a/../../b", "./a", "a//b", "a/", "/a", "", "..", ".", ".hidden", "a/.hidden",
    "-option", "a\\b", "C:a", "a\x00b", "a\nb", "~/a", "$HOME", "a b", "ä", "%2e%2e/a", "a/b/c/d/e/f/g/h/i", "a" * 256,
    "manifest.json/../../x",
]  # fmt: skip


@pytest.fixture
def values(spoilt):
    """The manifest of a bundle as plain values, and a way to write them back."""
    return json.loads((spoilt / "manifest.json").read_text())


def write(bundle, values):
    (bundle / "manifest.json").write_text(with_checksum(values))


@pytest.mark.parametrize("path", PATHS)
def test_no_variant_points_outside(spoilt, values, path):
    record = values["files"].pop("tflite-float32.tflite")
    values["files"][path] = record
    values["variants"]["tflite-float32"]["file"] = path
    write(spoilt, values)
    with pytest.raises(BundleError):
        runtime.load(spoilt, "tflite-float32")


@pytest.mark.parametrize("path", PATHS)
def test_no_file_of_the_list_points_outside(spoilt, values, path):
    values["files"][path] = values["files"]["golden.npz"]
    write(spoilt, values)
    with pytest.raises(BundleError):
        open_bundle(spoilt)


def test_the_manifest_does_not_name_itself(spoilt, values):
    values["files"]["manifest.json"] = values["files"]["golden.npz"]
    write(spoilt, values)
    with pytest.raises(BundleError, match="not a file name that a bundle may hold"):
        open_bundle(spoilt)


def test_a_key_that_appears_twice_is_refused(spoilt):
    path = spoilt / "manifest.json"
    text = path.read_text()
    path.write_text(
        text.replace('"golden": "golden.npz"', '"golden": "other.npz",\n  "golden": "golden.npz"')
    )
    with pytest.raises(BundleError, match="the key 'golden' appears twice"):
        open_bundle(spoilt)


def test_a_newer_version_is_refused_with_the_way_out(spoilt, values):
    values["manifest_version"] = 3
    write(spoilt, values)
    with pytest.raises(
        BundleError, match=r"manifest version 3, this edgeproof reads 1 and 2; install a newer edgeproof"
    ):
        runtime.load(spoilt)


def test_a_giant_manifest_is_refused(spoilt):
    with (spoilt / "manifest.json").open("a") as file:
        file.write(" " * (5 << 20))
    with pytest.raises(BundleError, match="larger than 4194304 bytes"):
        open_bundle(spoilt)


def test_a_claimed_size_takes_no_memory(spoilt, values):
    values["files"]["tflite-float32.tflite"]["size_bytes"] = 2 << 30
    write(spoilt, values)
    with pytest.raises(BundleError, match="the manifest says 2147483648"):
        runtime.load(spoilt, "tflite-float32")


def test_the_saved_model_is_never_loaded(spoilt, values):
    variant = dict(
        values["variants"]["tflite-float32"], format="saved_model", scheme="float32", file="saved_model"
    )
    values["variants"]["saved_model"] = variant | {"engines": ["tensorflow", "litert"]}
    values["files"]["saved_model/saved_model.pb"] = values["files"]["golden.npz"]
    write(spoilt, values)
    with pytest.raises(EdgeProofError, match="saved_model is code and stays on the export machine"):
        runtime.load(spoilt, "saved_model")
    assert runtime.load(spoilt).variant == "tflite-float32"


@pytest.mark.parametrize("name", ["tflite-float32", "onnx-float32"])
def test_engines_that_do_not_fit_the_format_refuse_the_bytes(spoilt, values, name):
    other = "onnxruntime" if name.startswith("tflite") else "litert"
    values["variants"][name]["engines"] = [other]
    write(spoilt, values)
    with pytest.raises(EdgeProofError, match=f"{other} (refuses|cannot run) the file"):
        runtime.load(spoilt, name)
