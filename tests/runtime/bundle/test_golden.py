"""Golden samples are read strictly: plain numbers, the manifest's shapes, bounded sizes."""

import io
import warnings
import zipfile
from hashlib import sha256
from math import prod

import numpy as np
import pytest

from runtime.bundle import golden as golden_module
from runtime.bundle.golden import contract_digest, kept, kept_shape, parse_arrays, read_golden
from runtime.bundle.manifest import DTYPES
from runtime.bundle.reader import open_bundle, read_manifest
from runtime.errors import BundleError
from tests.bundles import IMAGE, PROBABILITIES, change_manifest, npz, replace_file, several_golden
from tests.conftest import NO_TFLITE_RUNTIME

# What is recorded of a second engine, where this Python has one.
SECOND = {
    name: [] if NO_TFLITE_RUNTIME else ["/tflite-runtime"]
    for name in ("tflite-dynamic", "tflite-float32", "tflite-int8")
}


def test_the_samples_are_those_that_were_written(image_bundle, golden):
    found = read_golden(open_bundle(image_bundle))
    assert np.array_equal(found.inputs["image"], golden["images"])
    assert np.array_equal(found.outputs["probabilities"], golden["probabilities"])
    for answers in (found.recorded, found.probed):
        assert sorted(answers) == [
            f"{name}/probabilities{engine}"
            for name in ("onnx-dynamic", "onnx-float32", "tflite-dynamic", "tflite-float32", "tflite-int8")
            for engine in ("", *SECOND.get(name, ()))
        ]
    probabilities = "tflite-int8", "probabilities"
    assert len(found.recordings(*probabilities)) == len(found.probe_recordings(*probabilities))
    assert len(found.recordings(*probabilities)) == 1 + len(SECOND["tflite-int8"])
    assert len(found.recordings("onnx-float32", "probabilities")) == 1
    assert found.recordings("tflite-int", "probabilities") == found.recordings("tflite-int8", "prob") == []


def test_inputs_and_outputs_of_every_dtype_are_read(several_bundle):
    found = read_golden(open_bundle(several_bundle))
    inputs, outputs = several_golden()
    for given, expected in ((found.inputs, inputs), (found.outputs, outputs)):
        assert given.keys() == expected.keys()
        for name, array in expected.items():
            assert given[name].dtype == array.dtype and np.array_equal(given[name], array)
    assert {array.dtype.name for array in found.outputs.values()} == {*DTYPES}


def test_only_what_a_variant_needs_is_unpacked(image_bundle, monkeypatch):
    bundle = open_bundle(image_bundle)
    everything = read_golden(bundle)
    unpacked = []
    parse = golden_module._parse_npy
    monkeypatch.setattr(
        golden_module, "_parse_npy", lambda content: unpacked.append(len(content)) or parse(content)
    )
    found = read_golden(bundle, "tflite-int8")
    assert {name.split("/")[0] for name in found.recorded} == {"tflite-int8"}
    known = everything.recordings("tflite-int8", "probabilities")
    assert np.array_equal(found.recordings("tflite-int8", "probabilities")[0], known[0])
    assert np.array_equal(found.inputs["image"], everything.inputs["image"])
    assert len(unpacked) == 3 + 2 * len(known)  # inputs, outputs, contract


def test_the_recordings_of_other_engines_and_the_probes_belong_to_a_variant_and_an_output(spoilt):
    names = ["tflite-int8/probabilities", "tflite-int8/probabilities/b", "tflite-int8b/probabilities", "c/d"]
    given = {f"{group}/{name}": OUTPUTS for group in ("recorded", "probes") for name in names}
    replace_file(spoilt, "golden.npz", npz(**SOUND, **given))
    found = read_golden(open_bundle(spoilt), "tflite-int8")
    assert sorted(found.recorded) == sorted(found.probed) == names[:2]
    assert len(found.recordings("tflite-int8", "probabilities")) == 2


@pytest.mark.parametrize(
    ("shape", "stride"),
    [((), 1), ((3,), 1), ((2048,), 1), ((2049,), 2), ((64, 64), 2), ((64, 65), 3), ((100, 100, 3), 15)],
    ids=str,
)
def test_of_large_rows_every_so_manyth_element_is_kept(shape, stride):
    rows = np.arange(3 * prod(shape), dtype=np.float32).reshape(3, *shape)
    found = kept(rows)
    assert found.shape == (3, *kept_shape(shape))
    if stride == 1:
        assert found is rows
    else:
        assert np.array_equal(found, [row.ravel()[::stride] for row in rows])
        assert found.shape[1] <= 2048
    assert kept(rows[:0]).shape == (0, *kept_shape(shape))


def test_large_outputs_are_compared_where_they_are_kept(spoilt):
    """A manifest whose classifier has 3,000 classes, of which a row keeps every second."""
    labels = tuple(map(str, range(3000)))
    record = PROBABILITIES._replace(shape=(3000,), labels=labels)
    manifest = read_manifest(spoilt)
    variants = {
        name: row._replace(outputs={"probabilities": record.tensor})
        for name, row in manifest.variants.items()
    }
    change_manifest(spoilt, outputs={"probabilities": record}, variants=variants)
    rows = np.zeros((2, 3000), np.float32)
    for outputs, words in (
        (kept(rows), None),
        (rows, r"float32 \[2, 3000\], the manifest says float32 \[2, 1500\]"),
    ):
        replace_file(spoilt, "golden.npz", npz(**SOUND | {"outputs/probabilities": outputs}))
        if words is None:
            assert read_golden(open_bundle(spoilt)).outputs["probabilities"].shape == (2, 1500)
        else:
            with pytest.raises(BundleError, match=words):
                read_golden(open_bundle(spoilt))


@pytest.mark.parametrize("version", [(1, 0), (2, 0)], ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (1, 2, 3, 4)], ids=str)
def test_arrays_are_read_as_numpy_reads_them(version, shape):
    for dtype in ("<f4", ">f8", "|u1", "<i8", ">i2", "|b1"):
        array = np.arange(prod(shape)).astype(dtype).reshape(shape)
        for made in (array, np.asfortranarray(array)):
            content = io.BytesIO()
            np.lib.format.write_array(content, made, version)
            found = parse_arrays(zipped(("a.npy", content.getvalue())), "here")["a"]
            assert found.dtype == dtype and found.shape == made.shape and np.array_equal(found, made)


def test_the_order_in_memory_does_not_matter():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(parse_arrays(npz(a=np.asfortranarray(array)), "here")["a"], array)


IMAGES = np.zeros((2, 8, 8, 1), np.uint8)
OUTPUTS = np.zeros((2, 3), np.float32)
SOUND = {"inputs/image": IMAGES, "outputs/probabilities": OUTPUTS}


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"inputs/image": IMAGES}, "outputs/probabilities is missing; export the bundle again"),
        ({"outputs/probabilities": OUTPUTS}, "inputs/image is missing; export the bundle again"),
        (
            SOUND | {"inputs/image": IMAGES[..., 0]},
            r"uint8 \[2, 8, 8\], the manifest says uint8 \[2, 8, 8, 1\]",
        ),
        (SOUND | {"inputs/image": IMAGES.astype(np.float32)}, r"is float32 .*, the manifest says uint8"),
        (SOUND | {"inputs/image": np.uint8(3)}, r"is uint8 \[\], the manifest says uint8 \[0, 8, 8, 1\]"),
        (
            {"inputs/image": IMAGES[:0], "outputs/probabilities": OUTPUTS[:0]},
            "0 golden samples; there must be 1 to 32",
        ),
        (
            {name: np.resize(array, (33, *array.shape[1:])) for name, array in SOUND.items()},
            "33 golden samples",
        ),
        (
            SOUND | {"outputs/probabilities": OUTPUTS[:1]},
            r"float32 \[1, 3\], the manifest says float32 \[2, 3\]",
        ),
        (SOUND | {"outputs/probabilities": OUTPUTS.astype(np.float64)}, "is float64"),
        (SOUND | {"outputs/probabilities": OUTPUTS > 0}, "is bool"),
        (
            SOUND | {"recorded/onnx-float32/probabilities": OUTPUTS[:1]},
            r"recorded/onnx-float32/probabilities is float32 \[1, 3\]",
        ),
        (
            SOUND | {"probes/onnx-float32/probabilities/other": OUTPUTS.astype(int)},
            r"probes/onnx-float32/probabilities/other is int64",
        ),
        (SOUND | {"inputs/image": IMAGES.astype(object)}, "not a sound .npz"),
        ({"inputs": np.array(["a"])}, "an array of <U1"),
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
        (zipped(("a.npy", npy({"descr": "<f4", "fortran_order": False, "shape": 0}))), "not a sound"),
        (
            zipped(("a.npy", npy({"descr": [("x", "<f4")], "fortran_order": False, "shape": ()}))),
            "not a sound",
        ),
        (zipped(("a.npy", b"\x93NUMPY\x03\x00" + bytes(8))), "no magic string"),
        (zipped(("a.npy", b"\x93NUMPY\x01\x00\x04\x00[[[[")), "not a sound"),
        (zipped(("a.npy", b"\x93NUMPY\x01\x00\xff\xff" + b"[" * 65535)), "not a sound"),
        (zipped(("a.npy", npy({"descr": "|O", "fortran_order": False, "shape": ()}))), "array of object"),
        (zipped(("a.npy", npy({"descr": "<f4", "shape": ()}))), "not a sound"),
        (zipped(("a.npy", npz()), ("a.npy", npz())), "not a sound"),
    ],
    ids=range(14),
)
def test_hostile_archives_are_refused(content, words):
    with pytest.raises(BundleError, match=words):
        parse_arrays(content, "golden.npz")


def test_archives_of_too_much_are_refused():
    with pytest.raises(BundleError, match="more than 67108864 bytes when unpacked"):
        parse_arrays(zipped(("bomb.npy", bytes(65 << 20))), "golden.npz")
    with pytest.raises(BundleError, match="holds more than 20000 files"):
        parse_arrays(zipped(*((str(n), b"") for n in range(20_001))), "golden.npz")


@pytest.mark.parametrize(
    ("side", "record"),
    [
        ("outputs", PROBABILITIES._replace(labels=("square", "circle", "star"))),
        ("inputs", IMAGE._replace(high=254)),
        ("inputs", IMAGE._replace(low=1)),
        ("inputs", IMAGE._replace(resize="crop")),
    ],
)
def test_samples_of_another_contract_are_refused(spoilt, side, record):
    change_manifest(spoilt, **{side: {record.name: record}})
    with pytest.raises(BundleError, match="recorded for other labels, other units or other columns"):
        read_golden(open_bundle(spoilt))


def test_every_promise_of_predict_is_in_the_contract(several_bundle):
    manifest = read_manifest(several_bundle)
    changes = {
        "inputs": {
            "picture": {"shape": (4, 4, 3), "low": 1.0, "high": 254.0, "resize": "crop"},
            "words": {"high": 8.0, "vocabulary": "other.txt", "dtype": "int64"},
            "steps": {"kind": "tensor", "columns": ("a", "b")},
        },
        "outputs": {
            "kind": {"labels": ("star", "circle", "square"), "task": "multilabel"},
            "level": {"units": ("cm", "cm"), "columns": ("width", "height"), "input": "picture"},
            "unmasked": {"scale": (0.5,), "offset": (0.0,)},
            "copied": {"dtype": "int32", "shape": (1,)},
        },
    }
    others = [manifest]
    for side, of_side in changes.items():
        records = getattr(manifest, side)
        for name, fields in of_side.items():
            for field, value in fields.items():
                record = records[name]._replace(**{field: value})
                assert record != records[name]
                others.append(manifest._replace(**{side: dict(records) | {name: record}}))
        first, *rest = records
        renamed = {"other": records[first]._replace(name="other")} | {name: records[name] for name in rest}
        others.append(manifest._replace(**{side: renamed}))
    found = {contract_digest(other).tobytes() for other in others}
    assert len(found) == len(others) and contract_digest(manifest._replace(model="other")).tobytes() in found


def test_the_contract_is_hashed_as_docs_bundle_md_says(table_bundle):
    text = (
        '{"inputs":{"rows":{"columns":["depth","width","height"],"dtype":"float","high":null,"kind":"table",'
        '"low":null,"resize":null,"shape":[3],"vocabulary":null}},"outputs":{"value":{"columns":null,'
        '"dtype":"float32","input":null,"labels":null,"shape":[1],"task":"regression","units":["cm\\u00b3"]}}}'
    )
    assert contract_digest(read_manifest(table_bundle)).tobytes() == sha256(text.encode()).digest()


def test_the_order_of_inputs_and_outputs_is_no_part_of_the_contract(several_bundle):
    manifest = read_manifest(several_bundle)
    turned = {side: dict(reversed(getattr(manifest, side).items())) for side in ("inputs", "outputs")}
    assert np.array_equal(contract_digest(manifest), contract_digest(manifest._replace(**turned)))
