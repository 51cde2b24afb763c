"""Files of a bundle that are not what its manifest names: none reaches an engine."""

import json
import os
import random
import shutil

import numpy as np
import pytest

import runtime
from runtime import loading
from runtime.bundle.manifest_json import with_checksum
from runtime.bundle.reader import open_bundle
from runtime.errors import BundleError
from tests import bundles


@pytest.fixture
def no_engine(monkeypatch):
    """Any engine that is handed bytes is a failure."""

    def fail(*arguments):
        pytest.fail("bytes reached an engine")

    monkeypatch.setattr(loading, "open_backend", fail)


def load_all(bundle):
    for variant in open_bundle(bundle).manifest.variants:
        runtime.load(bundle, variant)


def test_the_trap_is_sharp(sound, no_engine):
    with pytest.raises(pytest.fail.Exception):
        load_all(sound)


FILES = [
    *(
        ("image_bundle", name)
        for name in ("tflite-float32.tflite", "tflite-int8.tflite", "onnx-float32.onnx", "onnx-dynamic.onnx")
    ),
    *(("several_bundle", name) for name in ("tflite-float32.tflite", "onnx-float32.onnx")),
]


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_no_flipped_bit_passes(spoilt, no_engine, name):
    path = spoilt / name
    sound = path.read_bytes()
    for position in random.Random(1).sample(range(len(sound) * 8), 300):
        content = bytearray(sound)
        content[position // 8] ^= 1 << position % 8
        path.write_bytes(content)
        with pytest.raises(BundleError, match="damaged, its SHA-256 is not the manifest's"):
            runtime.load(spoilt, name.split(".")[0])


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_no_truncated_or_longer_file_passes(spoilt, no_engine, name):
    path = spoilt / name
    sound = path.read_bytes()
    for size in (0, 1, 100, len(sound) // 2, len(sound) - 1):
        path.write_bytes(sound[:size])
        with pytest.raises(BundleError, match=f"has {size} bytes, the manifest says {len(sound)}"):
            runtime.load(spoilt, name.split(".")[0])
    path.write_bytes(sound + b"\0" * 100_000)
    with pytest.raises(BundleError, match=f"has more than {len(sound)} bytes"):
        runtime.load(spoilt, name.split(".")[0])


@pytest.mark.parametrize(("kind", "name"), FILES)
def test_no_zeroed_tail_passes(spoilt, no_engine, name):
    path = spoilt / name
    sound = path.read_bytes()
    path.write_bytes(sound[: len(sound) // 2] + bytes(len(sound) - len(sound) // 2))
    with pytest.raises(BundleError, match="damaged"):
        runtime.load(spoilt, name.split(".")[0])


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("image_bundle", "tflite-int8.tflite", "tflite-float32.tflite"),
        ("image_bundle", "tflite-int8.tflite", "onnx-float32.onnx"),
        ("several_bundle", "tflite-float32.tflite", "onnx-float32.onnx"),
    ],
)
def test_swapped_files_do_not_pass(spoilt, no_engine, first, second):
    (spoilt / first).rename(spoilt / "x")
    (spoilt / second).rename(spoilt / first)
    (spoilt / "x").rename(spoilt / second)
    for variant in (first.split(".")[0], second.split(".")[0]):
        with pytest.raises(BundleError, match="the manifest says"):
            runtime.load(spoilt, variant)


def test_files_of_two_exports_do_not_mix(spoilt, kind, tmp_path, no_engine):
    other = getattr(bundles, kind)(tmp_path / "other")
    content = bytearray((other / "tflite-float32.tflite").read_bytes())
    content[-1] ^= 1
    (spoilt / "tflite-float32.tflite").write_bytes(content)
    with pytest.raises(BundleError, match="damaged"):
        runtime.load(spoilt, "tflite-float32")


@pytest.mark.parametrize("inside", [True, False])
def test_links_are_not_followed(spoilt, tmp_path, no_engine, inside):
    kept = (spoilt if inside else tmp_path) / "kept.tflite"
    (spoilt / "tflite-float32.tflite").rename(kept)  # the right bytes, by a way that may lead anywhere
    (spoilt / "tflite-float32.tflite").symlink_to(kept)
    with pytest.raises(BundleError, match="a symbolic link, which a bundle must not hold"):
        runtime.load(spoilt, "tflite-float32")


def test_a_manifest_that_is_a_link_is_refused(spoilt, tmp_path):
    (spoilt / "manifest.json").rename(tmp_path / "manifest.json")
    (spoilt / "manifest.json").symlink_to(tmp_path / "manifest.json")
    with pytest.raises(BundleError, match=r"manifest\.json: a symbolic link"):
        open_bundle(spoilt)


def test_a_linked_folder_inside_is_refused(spoilt, tmp_path, no_engine):
    text = (
        (spoilt / "manifest.json")
        .read_text()
        .replace("tflite-float32.tflite", "models/tflite-float32.tflite")
    )
    (spoilt / "manifest.json").write_text(with_checksum(json.loads(text)))
    (tmp_path / "elsewhere").mkdir()
    (spoilt / "tflite-float32.tflite").rename(tmp_path / "elsewhere" / "tflite-float32.tflite")
    (spoilt / "models").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BundleError, match="a symbolic link"):
        runtime.load(spoilt, "tflite-float32")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("what", ["pipe", "folder", "device"])
def test_what_is_no_regular_file_is_refused_at_once(spoilt, no_engine, what):
    path = spoilt / "tflite-float32.tflite"
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)  # opening it would wait for ever
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")  # endless
    with pytest.raises(BundleError, match=r"not a regular file|a symbolic link"):
        runtime.load(spoilt, "tflite-float32")


@pytest.mark.parametrize(
    ("kind", "name"), [("image_bundle", "tflite-int8"), ("several_bundle", "tflite-float32")]
)
def test_a_file_that_changes_after_loading_changes_nothing(spoilt, golden, kind, name):
    samples = {"image": golden["images"]} if kind == "image_bundle" else bundles.several_golden()[0]
    model = runtime.load(spoilt, name)
    before = as_dict(model.predict(samples))
    os.truncate(spoilt / f"{name}.tflite", 0)  # a mapped file would now kill the process
    after = as_dict(model.predict(samples))
    assert before.keys() == after.keys()
    assert all(np.array_equal(after[output], answers) for output, answers in before.items())
    shutil.rmtree(spoilt)
    alone = as_dict(model.predict({name: rows[:1] for name, rows in samples.items()}))
    assert all(np.array_equal(alone[output], answers[:1]) for output, answers in before.items())


def as_dict(answers):
    """Answers by output: `predict` gives those of a single output without its name."""
    return answers if isinstance(answers, dict) else {"": answers}
