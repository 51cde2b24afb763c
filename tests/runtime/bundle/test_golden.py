"""Golden samples are read strictly: plain numbers, the manifest's shapes, bounded sizes."""

import io
import warnings
import zipfile

import numpy as np
import pytest

from runtime.bundle.golden import contract_digest, parse_arrays, read_golden
from runtime.bundle.reader import open_bundle, read_manifest
from runtime.errors import BundleError
from tests.bundles import IMAGE, TABLE, change_manifest, npz, replace_file
from tests.conftest import NO_TFLITE_RUNTIME

# What is recorded of a second engine, where this Python has one.
SECOND = {
    name: [] if NO_TFLITE_RUNTIME else [f"{name}/tflite-runtime"]
    for name in ("tflite-dynamic", "tflite-float32", "tflite-int8")
}


def test_the_samples_are_those_that_were_written(image_bundle, golden):
    found = read_golden(open_bundle(image_bundle))
    assert np.array_equal(found.inputs, golden["images"])
    assert np.array_equal(found.outputs, golden["probabilities"])
    for answers in (found.recorded, found.probed):
        assert sorted(answers) == [
            "onnx-dynamic", "onnx-float32", "tflite-dynamic", *SECOND["tflite-dynamic"], "tflite-float32",
            *SECOND["tflite-float32"], "tflite-int8", *SECOND["tflite-int8"],
        ]  # fmt: skip
    assert len(found.recordings("tflite-int8")) == len(found.probe_recordings("tflite-int8"))
    assert len(found.recordings("tflite-int8")) == 1 + len(SECOND["tflite-int8"])
    assert len(found.recordings("onnx-float32")) == 1 and found.recordings("tflite-int") == []


def test_only_what_a_variant_needs_is_unpacked(image_bundle):
    bundle = open_bundle(image_bundle)
    everything, found = read_golden(bundle), read_golden(bundle, "tflite-int8")
    assert {name.split("/")[0] for name in found.recorded} == {"tflite-int8"}
    assert np.array_equal(found.recordings("tflite-int8")[0], everything.recordings("tflite-int8")[0])
    assert np.array_equal(found.inputs, everything.inputs)


def test_the_recordings_of_other_engines_and_the_probes_belong_to_a_variant(spoilt):
    names = ("a", "a/b", "ab", "c")
    given = {f"{kind}{name}": OUTPUTS for kind in ("outputs/", "probes/") for name in names}
    replace_file(spoilt, "golden.npz", npz(inputs=IMAGES, outputs=OUTPUTS, **given))
    found = read_golden(open_bundle(spoilt), "a")
    assert sorted(found.recorded) == sorted(found.probed) == ["a", "a/b"]


def test_the_order_in_memory_does_not_matter():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(parse_arrays(npz(a=np.asfortranarray(array)), "here")["a"], array)


IMAGES = np.zeros((2, 8, 8, 1), np.uint8)
OUTPUTS = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"inputs": IMAGES}, "the array 'outputs' is missing"),
        ({"outputs": OUTPUTS}, "the array 'inputs' is missing"),
        ({"inputs": IMAGES[..., 0], "outputs": OUTPUTS}, "not what the manifest says"),
        ({"inputs": IMAGES.astype(np.float32), "outputs": OUTPUTS}, "not what the manifest says"),
        ({"inputs": IMAGES[:0], "outputs": OUTPUTS[:0]}, "not what the manifest says"),
        ({"inputs": IMAGES, "outputs": OUTPUTS[:1]}, "not what the manifest says"),
        ({"inputs": IMAGES, "outputs": OUTPUTS.astype(np.float64)}, "not what the manifest says"),
        (
            {"inputs": IMAGES, "outputs": OUTPUTS, "outputs/onnx-int8": OUTPUTS[:1]},
            "not what the manifest says",
        ),
        ({"inputs": IMAGES.astype(object), "outputs": OUTPUTS}, "not a sound .npz"),
        ({"inputs": np.array(["a"]), "outputs": OUTPUTS}, "an array of <U1"),
    ],
)
def test_samples_that_do_not_fit_are_refused(spoilt, arrays, words):
    replace_file(spoilt, "golden.npz", npz(**arrays))
    with pytest.raises(BundleError, match=words):
        read_golden(open_bundle(spoilt))


def zipped(*members):
    content = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")  # a name that appears twice
        for name, data in members:
            archive.writestr(name, data)
    return content.getvalue()


def npy(header):
    head = repr(header).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a sound"),
        (b"PK", "not a sound"),
        (npz(inputs=IMAGES)[:-30], "not a sound"),
        (zipped(("inputs.npy", b"no array")), "magic"),
        (zipped(("a.npy", npy({"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)}))), "size"),
        (zipped(("a.npy", npy({"descr": "<f4", "fortran_order": False, "shape": (-1, 0)}))), "size"),
        (zipped(("a.npy", npy({"descr": "|O", "fortran_order": False, "shape": ()}))), "array of object"),
        (zipped(("a.npy", npy({"descr": "<f4", "shape": ()}))), "not a sound"),
        (zipped(("a.npy", npz()), ("a.npy", npz())), "not a sound"),
        (zipped(("bomb.npy", bytes(65 << 20))), "more than 67108864 bytes when unpacked"),
        (zipped(*((str(n), b"") for n in range(1001))), "holds more than 1000 files"),
    ],
    ids=range(11),
)
def test_hostile_archives_are_refused(content, words):
    with pytest.raises(BundleError, match=words):
        parse_arrays(content, "golden.npz")


@pytest.mark.parametrize(
    "change",
    [
        {"labels": ("square", "circle", "star")},
        {"input": IMAGE._replace(high=254)},
        {"input": IMAGE._replace(low=1)},
    ],
)
def test_samples_of_another_contract_are_refused(spoilt, change):
    change_manifest(spoilt, **change)
    with pytest.raises(BundleError, match="recorded for other labels, another unit or other columns"):
        read_golden(open_bundle(spoilt))


def test_every_promise_of_predict_is_in_the_contract(table_bundle):
    manifest = read_manifest(table_bundle)
    others = [
        manifest._replace(unit="m³"),
        manifest._replace(input=TABLE._replace(columns=("width", "depth", "height"))),
        manifest._replace(input=TABLE._replace(name="table")),
        manifest._replace(output=manifest.output._replace(name="volume")),
    ]
    found = {contract_digest(other).tobytes() for other in (manifest, *others)}
    assert len(found) == 5 and contract_digest(manifest._replace(model="other")).tobytes() in found
