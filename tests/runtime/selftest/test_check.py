"""`load` proves by golden inputs and probes that a variant computes here what it did at export."""

import shutil
import time
from unittest import mock

import numpy as np
import pytest

import runtime
from runtime import loading
from runtime.bundle.golden import read_golden
from runtime.bundle.reader import open_bundle, read_manifest
from runtime.errors import EngineError, ParityError
from tests.bundles import SEVERAL_OUTPUTS, change_manifest, npz, replace_file
from tests.campaigns.mutations import GARBAGE, garbage_engine
from tests.runtime.test_model import VARIANTS


def rewrite(bundle, **changes):
    """Golden samples with other arrays; those that are None are left out."""
    with np.load(bundle / "golden.npz") as arrays:
        arrays = dict(arrays) | changes
    replace_file(
        bundle, "golden.npz", npz(**{key: array for key, array in arrays.items() if array is not None})
    )


def off(array, rows, by):
    changed = array.copy()
    changed[:rows, 0] += np.float32(by)
    return changed


@pytest.mark.parametrize("pair", VARIANTS, ids="-".join)
def test_sound_variants_pass_within_the_budget(image_bundle, pair):
    runtime.load(image_bundle, *pair)  # the engine's import is no part of it
    took = []
    for _ in range(3):
        begin = time.process_time()
        runtime.load(image_bundle, *pair)
        took.append(time.process_time() - begin)
    assert min(took) < 0.05  # seconds of the processor: others may use it too


@pytest.mark.parametrize("spoil", GARBAGE, ids=list(GARBAGE))
def test_an_engine_that_answers_garbage_is_refused(image_bundle, spoil):
    with garbage_engine(GARBAGE[spoil]):
        with pytest.raises(
            ParityError, match=r"tflite-float32 fails its self-test on litert: .*; do not use it here"
        ):
            runtime.load(image_bundle, "tflite-float32")
        assert runtime.load(image_bundle, "tflite-float32", self_test=False).variant == "tflite-float32"


def test_another_original_is_refused(spoilt, golden):
    rewrite(spoilt, **{"outputs/probabilities": golden["probabilities"][::-1].copy()})
    with pytest.raises(ParityError, match=r"largest error is .*, above the tolerance of 0\.05"):
        runtime.load(spoilt, "tflite-int8")


@pytest.mark.parametrize("kind", ["recorded", "probes"])
def test_answers_that_are_not_those_at_export_are_refused(spoilt, kind):
    golden = read_golden(open_bundle(spoilt))
    name = "tflite-int8/probabilities"
    known = (golden.recorded if kind == "recorded" else golden.probed)[name]
    for rows, by in ((1, 0.03), (5, 0.01)):  # a row far off; more rows than rounding explains
        changed = off(known, rows, by)
        rewrite(spoilt, **{f"{kind}/{name}": changed, f"{kind}/{name}/tflite-runtime": changed})
        with pytest.raises(ParityError, match="from those recorded at export"):
            runtime.load(spoilt, "tflite-int8")
    changed = off(known, 1, 0.01)
    rewrite(spoilt, **{f"{kind}/{name}": changed, f"{kind}/{name}/tflite-runtime": changed})
    assert runtime.load(spoilt, "tflite-int8").variant == "tflite-int8"


@pytest.mark.tflite_runtime
def test_the_answers_of_another_engine_at_export_are_known_too(spoilt):
    golden = read_golden(open_bundle(spoilt))
    name = "tflite-float32/probabilities"
    rewrite(spoilt, **{f"recorded/{name}": golden.recorded[name] + np.float32(0.5)})
    assert runtime.load(spoilt, "tflite-float32", "tflite-runtime").engine == "tflite-runtime"


def test_without_recordings_the_original_alone_decides(spoilt):
    with np.load(spoilt / "golden.npz") as arrays:
        gone = dict.fromkeys(key for key in arrays if key.startswith(("recorded/", "probes/")))
    rewrite(spoilt, **gone)
    variants = read_manifest(spoilt).variants
    change_manifest(spoilt, variants={name: row._replace(recorded={}) for name, row in variants.items()})
    assert runtime.load(spoilt, "tflite-int8").variant == "tflite-int8"
    with garbage_engine(np.zeros_like), pytest.raises(ParityError, match="above the tolerance"):
        runtime.load(spoilt, "tflite-int8")


SEVERAL = [
    ("tflite-float32", "litert"),
    pytest.param("tflite-float32", "tflite-runtime", marks=pytest.mark.tflite_runtime),
    ("onnx-float32", "onnxruntime"),
]


@pytest.mark.parametrize(("variant", "engine"), SEVERAL)
@pytest.mark.parametrize("output", [record.name for record in SEVERAL_OUTPUTS])
def test_each_output_is_compared_with_the_originals(several_bundle, tmp_path, variant, engine, output):
    spoilt = shutil.copytree(several_bundle, tmp_path / "bundle")
    wrong = another(read_golden(open_bundle(spoilt)).outputs[output])
    rewrite(spoilt, **{f"outputs/{output}": wrong})
    with pytest.raises(ParityError, match=f"self-test on {engine}: output {output}: the largest error is"):
        runtime.load(spoilt, variant, engine)


@pytest.mark.parametrize("kind", ["recorded", "probes"])
@pytest.mark.parametrize("output", [record.name for record in SEVERAL_OUTPUTS])
def test_each_output_is_compared_with_its_recordings(several_bundle, tmp_path, kind, output):
    spoilt = shutil.copytree(several_bundle, tmp_path / "bundle")
    golden = read_golden(open_bundle(spoilt))
    answers = golden.recorded if kind == "recorded" else golden.probed
    name = f"onnx-float32/{output}"
    rewrite(spoilt, **{f"{kind}/{name}": another(answers[name])})
    with pytest.raises(ParityError, match=f"output {output}: the answers are up to .* from those recorded"):
        runtime.load(spoilt, "onnx-float32")


def another(answers):
    """Answers of the same dtype of which every row is another."""
    return ~answers if answers.dtype == bool else answers + answers.dtype.type(1)


@pytest.mark.parametrize("spoil", [name for name in GARBAGE if name != "engine: NaN"])
def test_garbage_for_several_outputs_is_refused(several_bundle, spoil):
    with (
        garbage_engine(GARBAGE[spoil]),
        pytest.raises(ParityError, match=r"tflite-float32 fails its self-test on litert: "),
    ):
        runtime.load(several_bundle, "tflite-float32", "litert")


def test_a_missing_output_is_refused(several_bundle):
    real = loading.open_backend

    def open_backend(*given):
        backend = real(*given)
        infer = backend.infer
        backend.infer = lambda feeds: {k: v for k, v in infer(feeds).items() if k != "copied"}
        return backend

    with mock.patch.object(loading, "open_backend", open_backend), pytest.raises(ParityError, match="copied"):
        runtime.load(several_bundle, "onnx-float32")


def test_an_engine_that_fails_in_the_test_is_refused(image_bundle):
    def fail(answers):
        raise EngineError("out of memory")

    with (
        garbage_engine(fail),
        pytest.raises(ParityError, match="fails its self-test on litert: out of memory"),
    ):
        runtime.load(image_bundle, "tflite-int8")


def test_golden_samples_are_read_before_an_engine_is_given_a_byte(spoilt, monkeypatch):
    (spoilt / "golden.npz").write_bytes(b"")
    monkeypatch.setattr(loading, "open_backend", lambda *given: pytest.fail("bytes reached an engine"))
    with pytest.raises(runtime.BundleError, match=r"golden\.npz: has 0 bytes"):
        runtime.load(spoilt)
