"""`runtime.load`, `predict` and `run`: the contract with the user."""

import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

import runtime
from runtime import backends
from runtime.bundle.manifest import TensorSpec
from runtime.errors import BundleError, EngineError, InputError, UsageError
from tests.bundles import IMAGE, MODELS, SEVERAL_OUTPUTS, change_manifest, replace_file, several_golden
from tests.campaigns import threads

VARIANTS = [
    (variant, engine)
    for engine, form in (("litert", "tflite"), ("tflite-runtime", "tflite"), ("onnxruntime", "onnx"))
    for variant in ("tflite-float32", "tflite-dynamic", "tflite-int8", "onnx-float32", "onnx-dynamic")
    if variant.startswith(form)
]


@pytest.fixture(params=VARIANTS, ids="-".join)
def model(request, image_bundle):
    """Every variant on every engine."""
    return runtime.load(image_bundle, *request.param)


@pytest.fixture(params=[pair for pair in VARIANTS if pair[0].endswith("-float32")], ids="-".join)
def table_model(request, table_bundle):
    """The regressor on every engine."""
    return runtime.load(table_bundle, *request.param)


def test_predict_gives_the_originals_answers(model, golden):
    found = model.predict(golden["images"])
    assert found.dtype == np.float32 and found.shape == (32, 3)
    assert np.abs(found - golden["probabilities"]).max() < 0.05


def test_a_table_gives_values_in_a_unit(table_model, golden):
    found = table_model.predict(golden["rows"])
    assert found.dtype == np.float32 and found.shape == (32, 1)
    assert np.abs(found - golden["values"]).max() < 1e-5
    assert table_model.unit == "cm³" and table_model.units == ("cm³",) and table_model.labels is None


def test_the_model_says_what_it_is(model):
    assert model.labels == ("circle", "square", "star") and model.unit is model.units is None
    assert model.engine in ("litert", "tflite-runtime", "onnxruntime")
    assert model.signature.inputs["image"].shape == (None, 8, 8, 1)
    assert model.signature.outputs["probabilities"].dtype == "float32"
    assert model.variant in repr(model) and model.engine in repr(model)


def test_images_may_come_without_their_channel(model, golden):
    images = golden["images"]
    assert np.array_equal(model.predict(images[..., 0]), model.predict(images))
    assert np.array_equal(model.predict(images[:1, ..., 0]), model.predict(images[:1]))


def test_predict_is_run_on_the_same_values(model, golden):
    for rows in (golden["images"][:1], golden["images"]):
        floats = rows.astype(np.float32)
        assert np.array_equal(model.run({"image": floats})["probabilities"], model.predict(rows))


def test_an_empty_batch_is_answered(model):
    for images in (np.zeros((0, 8, 8), np.uint8), np.zeros((0, 8, 8, 1), ">i4")):
        assert model.predict(images).shape == (0, 3)


def test_an_empty_batch_of_rows_is_answered(table_model):
    for rows in (np.zeros((0, 3)), np.zeros((0, 3), ">f4")):
        assert table_model.predict(rows).shape == (0, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda x: np.asfortranarray(x),
        lambda x: np.repeat(x, 2, axis=0)[::2],
        lambda x: x.astype(np.int64),
        lambda x: x.astype(">i2"),
        lambda x: x.astype(">u8"),
        lambda x: np.repeat(x, 2, axis=2)[:, :, ::2],
        lambda x: x[..., ::-1, ::-1, :][..., ::-1, ::-1, :],
        lambda x: x.tolist(),
        lambda x: x.view(np.ndarray)[::-1][::-1],
    ],
)
def test_pixels_mean_the_same_in_any_memory(model, golden, change):
    images = golden["images"]
    assert np.array_equal(model.predict(change(images)), model.predict(images))
    assert np.array_equal(model.predict(change(images[:1])), model.predict(images[:1]))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.astype(np.float64),
        lambda x: x.astype(">f4"),
        lambda x: x.astype(">f8"),
        lambda x: x.astype(np.longdouble),
        lambda x: x[:, ::-1].copy()[:, ::-1],
        lambda x: np.asfortranarray(x),
        lambda x: x.tolist(),
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    ],
)
def test_rows_mean_the_same_in_any_memory(table_model, golden, change):
    rows = golden["rows"]
    assert np.array_equal(table_model.predict(change(rows)), table_model.predict(rows))
    assert np.array_equal(table_model.predict(change(rows[:1])), table_model.predict(rows[:1]))


def test_whole_numbers_are_rows_too(table_model):
    assert np.array_equal(table_model.predict([[1, 2, 3]]), table_model.predict(np.float32([[1, 2, 3]])))
    assert np.array_equal(
        table_model.predict(np.array([[1, 2, 3]], np.uint16)), table_model.predict(np.float32([[1, 2, 3]]))
    )


IMAGES = np.zeros((2, 8, 8), np.uint8)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.full((1, 8, 8), 0.5, np.float32), r"look scaled to 0\.\.1.*give it \(pixels \* 255\)\.round\(\)"),
        (np.full((1, 8, 8), 128.0), r"are float64; .*give it pixels\.round\(\)\.astype\('uint8'\)"),
        (np.full((1, 8, 8), np.nan), "are float64"),
        (IMAGES.astype(bool), "are bool; this model takes raw uint8"),
        (IMAGES.astype(complex), "are complex128"),
        (IMAGES.astype(object), "are object"),
        (np.array(["a"]), "are <U1"),
        (IMAGES.astype(np.int16) - 1, "pixels from -1 to -1; this model takes raw pixels from 0 to 255"),
        (IMAGES.astype(np.int32) + 256, "pixels from 256 to 256"),
        (IMAGES.astype(np.uint64) + (1 << 63), "pixels from 9223372036854775808"),
        (IMAGES.astype(">i2") - 1, "pixels from -1 to -1"),
        (np.zeros((0, 9, 8), np.uint8), r"shape \[0, 9, 8\]"),
        (np.zeros((0, 8, 8), np.float32), "are float32"),
        (IMAGES[0], r"shape \[8, 8\], this model takes \[n, 8, 8\]; for a single image give image\[None\]"),
        (IMAGES[0, ..., None], r"for a single image give image\[None\]"),
        (np.zeros((1, 9, 8), np.uint8), r"shape \[1, 9, 8\]"),
        (np.zeros((1, 8, 8, 3), np.uint8), r"shape \[1, 8, 8, 3\]"),
        (np.zeros((1, 1, 8, 8), np.uint8), r"shape \[1, 1, 8, 8\]"),
        (np.uint8(3), r"shape \[\]"),
        ([[1, 2], [3]], "a list that is no array"),
        (None, "are object"),
        ("digit.png", "are <U9"),
    ],
)
def test_images_that_would_be_answered_wrongly_are_refused(model, images, words):
    with pytest.raises(InputError, match=words):
        model.predict(images)


class Frame:
    """What pandas' DataFrame is to the runtime: named columns and values."""

    def __init__(self, columns):
        self.columns = columns

    def __array__(self, dtype=None, copy=None):
        return np.ones((1, len(self.columns)))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1, np.nan, 3]], "row 0, column width is NaN; every value must be a finite number"),
        (np.float32([[1, 2, 3], [1, 2, np.inf]]), "row 1, column height is infinite or too large"),
        (np.float32([[np.inf, -np.inf, 3]]), "row 0, column depth is infinite"),
        ([[1e300, 2, 3]], "column depth is infinite or too large for float32"),
        (
            [1, 2, 3],
            r"shape \[3\], this model takes \[n, 3\]: depth, width, height; for a single row give row\[None\]",
        ),
        (np.zeros((2, 4)), r"shape \[2, 4\]"),
        (np.zeros((0, 4)), r"shape \[0, 4\]"),
        (np.array([[1, np.nan, 3]], ">f4"), "row 0, column width is NaN"),
        (np.array([[1, 2, 3], [4, np.inf, 6]], np.float16), "row 1, column width is infinite"),
        (np.zeros((1, 1, 3)), r"shape \[1, 1, 3\]"),
        ([["1", "2", "3"]], "are <U1; this model takes numbers"),
        ([[True, False, True]], "are bool"),
        ([[1j, 2, 3]], "are complex128"),
        ([[None, 2, 3]], "are object"),
        (np.ma.masked_array([[1.0, 2.0, 3.0]], [[0, 1, 0]]), "a masked array; fill its gaps"),
        (
            Frame(["width", "depth", "height"]),
            "columns are width, depth, height; this model takes depth, width",
        ),
    ],
)
def test_rows_that_would_be_answered_wrongly_are_refused(table_model, rows, words):
    with pytest.raises(InputError, match=words):
        table_model.predict(rows)


def test_a_data_frame_in_order_is_read(table_model):
    assert np.array_equal(
        table_model.predict(Frame(["depth", "width", "height"])), table_model.predict([[1, 1, 1]])
    )


def test_large_finite_values_are_no_false_alarm(table_model):
    assert np.isfinite(table_model.predict(np.full((2, 3), 1e25, np.float32))).all()
    assert np.isfinite(table_model.predict(np.full((1, 3), 1e25, np.float32))).all()


def test_an_answer_of_nan_is_refused(table_model):
    # Finite inputs that overflow inside: the sum of three products of 3e38.
    with pytest.raises(EngineError, match=r"answered NaN or Inf on .*; run `python -m runtime verify`"):
        table_model.predict(np.full((1, 3), 3e38, np.float32))


def test_pixels_of_a_smaller_range_are_checked(spoilt, golden):
    change_manifest(spoilt, inputs={"image": IMAGE._replace(high=16)})
    # The golden images are brighter than that: the self-test would refuse the bundle.
    model = runtime.load(spoilt, "tflite-float32", self_test=False)
    assert model.predict(golden["images"] // 16).shape == (32, 3)
    for images in (golden["images"], golden["images"][:1], golden["images"].astype(int)):
        with pytest.raises(
            InputError, match=r"pixels from \d+ to \d+; this model takes raw pixels from 0 to 16"
        ):
            model.predict(images)


def test_the_callers_arrays_stay_and_answers_are_the_callers_own(model, golden):
    for images in (golden["images"][:1].copy(), golden["images"].copy()):
        kept = images.copy()
        first = model.predict(images)
        as_it_was = first.copy()
        second = model.predict(255 - images)
        assert np.array_equal(images, kept) and np.array_equal(first, as_it_was)
        assert not np.array_equal(first, second)
        first[:] = 7
        assert not np.any(model.predict(images) == 7)


@pytest.fixture(params=[pair for pair in VARIANTS if pair[0].endswith("-float32")], ids="-".join)
def several_model(request, several_bundle):
    """The model of six inputs and six outputs on every engine."""
    return runtime.load(several_bundle, *request.param)


def rows_of(arrays, rows):
    return {name: values[rows] for name, values in arrays.items()}


@pytest.mark.parametrize("count", [0, 1, 2, 32, 300])
def test_several_inputs_have_several_answers_by_name(several_model, count):
    inputs, outputs = (
        {name: np.resize(values, (count, *values.shape[1:])) for name, values in arrays.items()}
        for arrays in several_golden()
    )
    found = several_model.predict(dict(reversed(inputs.items())))
    assert list(found) == [record.name for record in SEVERAL_OUTPUTS]
    for name, expected in outputs.items():
        assert found[name].dtype == expected.dtype and found[name].shape == expected.shape
        if count:
            assert np.abs(found[name].astype(float) - expected).max() < 1e-5


def test_several_inputs_and_outputs_have_names_and_units(several_model):
    assert several_model.labels["kind"] == ("circle", "square", "star")
    assert several_model.labels["level"] is several_model.labels["unmasked"] is None
    assert several_model.units["level"] == ("cm", None) and several_model.units["kind"] is None
    assert several_model.unit is None
    assert several_model.signature.inputs["count"] == TensorSpec("int64", (None,))
    assert several_model.signature.outputs["unmasked"] == TensorSpec("bool", (None, 4))


def test_run_takes_the_tensors_of_all_inputs_by_name(several_model):
    inputs, outputs = several_golden()
    feeds = {
        name: values[:1].astype(several_model.signature.inputs[name].dtype) for name, values in inputs.items()
    }
    found = several_model.run(feeds)
    assert found.keys() == outputs.keys()
    for name, expected in outputs.items():
        assert np.abs(found[name].astype(float) - expected[:1]).max() < 1e-5
    answers = several_model.predict(rows_of(inputs, slice(0, 1)))
    assert all(np.array_equal(found[name], answers[name]) for name in outputs)


def test_a_model_of_one_input_takes_it_by_name_too(model, golden):
    images = golden["images"]
    assert np.array_equal(model.predict({"image": images}), model.predict(images))
    with pytest.raises(InputError, match="inputs named picture; this model takes image"):
        model.predict({"picture": images})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda x: x["picture"],
            "a ndarray; this model takes several inputs: give it {'picture': …, 'words': …, 's",
        ),
        (lambda x: list(x.values()), "a list; this model takes several inputs"),
        (lambda x: {}, "inputs named nothing; this model takes picture, words, steps, count, mask, code"),
        (
            lambda x: {k: v for k, v in x.items() if k != "mask"},
            "this model takes picture, words, steps, count, mask",
        ),
        (lambda x: x | {"more": 1}, "inputs named code, count, mask, more, picture"),
        (
            lambda x: x | {"steps": x["steps"][:3]},
            "different numbers of rows: picture has 32, words has 32, steps has 3",
        ),
        (
            lambda x: x | {"steps": x["steps"].round().astype(int)},
            "input steps: the sequences are int64; this model",
        ),
        (
            lambda x: x | {"picture": x["picture"] / 255},
            "input picture: the pixels are float64 and look scaled",
        ),
        (
            lambda x: x | {"count": x["count"] + 9},
            "input count: values from 9 to 18; this model takes whole numbers",
        ),
    ],
)
def test_several_inputs_that_would_be_answered_wrongly_are_refused(several_model, change, words):
    with pytest.raises(InputError, match=words):
        several_model.predict(change(several_golden()[0]))


def test_an_answer_of_nan_is_named_by_its_output(several_model):
    inputs = rows_of(several_golden()[0], slice(0, 2))
    infer = several_model._infer
    spoilt = {"level": np.full((2, 2), np.nan, np.float32)}
    several_model._infer = lambda feeds: infer(feeds) | spoilt
    with pytest.raises(EngineError, match="answered NaN or Inf for level on"):
        several_model.predict(inputs)


def test_the_callers_arrays_of_several_inputs_stay_and_answers_are_the_callers_own(several_model):
    for rows in (slice(0, 1), slice(0, 5)):
        inputs, others = (
            rows_of(several_golden()[0], rows),
            rows_of(several_golden()[0], slice(7, 7 + rows.stop)),
        )
        kept = {name: values.copy() for name, values in inputs.items()}
        first = several_model.predict(inputs)
        as_it_was = {name: values.copy() for name, values in first.items()}
        several_model.predict(others)
        assert all(np.array_equal(inputs[name], kept[name]) for name in kept)
        assert all(np.array_equal(first[name], as_it_was[name]) for name in first)
        for values in first.values():
            assert values.flags.writeable
            values[...] = 0
        again = several_model.predict(inputs)
        assert all(np.array_equal(again[name], as_it_was[name]) for name in first)


def test_threads_share_a_model_of_several_inputs(several_model):
    assert threads.wrong_answers(several_model, several_golden()[0], 8, 800) == 0


def test_texts_are_put_into_numbers_by_the_vocabulary(several_model):
    inputs = rows_of(several_golden()[0], slice(0, 2))
    words = np.int32([[2, 3, 7, 0, 0], [5, 1, 0, 0, 0]])
    texts = inputs | {"words": ["A BIG thing!", "round, unheard"]}
    found, expected = several_model.predict(texts), several_model.predict(inputs | {"words": words})
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_the_vocabulary_is_that_of_the_bundle_that_was_loaded(several_bundle, tmp_path):
    bundle = shutil.copytree(several_bundle, tmp_path / "bundle")
    model = runtime.load(bundle)
    shutil.rmtree(bundle)
    inputs = rows_of(several_golden()[0], slice(0, 1))
    model.predict(inputs | {"words": ["a big thing"]})


def test_a_damaged_vocabulary_is_refused_as_any_file(several_bundle, tmp_path):
    bundle = shutil.copytree(several_bundle, tmp_path / "bundle")
    (bundle / "vocabulary.txt").write_text("a\nbig\n")
    with pytest.raises(BundleError, match=r"vocabulary\.txt: has 6 bytes, the manifest says"):
        runtime.load(bundle)


def test_threads_share_a_model_and_get_the_answers_of_one(model, golden):
    assert threads.wrong_answers(model, {"image": golden["images"]}, 8, 1600) == 0


def test_answers_mixed_up_between_threads_would_be_seen(golden):
    class Shared:
        """As an Interpreter without its lock: the inputs of another thread may be answered."""

        def answers(self, inputs):
            self.inputs = inputs["image"]
            time.sleep(1e-5)
            return {"mean": self.inputs.mean((1, 2, 3))}

    assert threads.wrong_answers(Shared(), {"image": golden["images"]}, 1, 200) == 0
    assert threads.wrong_answers(Shared(), {"image": golden["images"]}, 8, 2000) > 0


def test_without_names_the_first_that_runs_is_taken(image_bundle):
    model = runtime.load(image_bundle)
    assert (model.variant, model.engine) == ("tflite-float32", "litert")
    assert runtime.load(image_bundle, engine="onnxruntime").variant == "onnx-float32"
    assert runtime.load(image_bundle, "onnx-dynamic").engine == "onnxruntime"


@pytest.mark.tflite_runtime
def test_without_names_the_second_is_taken_where_the_first_is_missing(image_bundle, monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda name: name == "tflite_runtime" or None)
    assert runtime.load(image_bundle, "tflite-int8").engine == "tflite-runtime"


@pytest.mark.parametrize(
    ("variant", "engine", "error", "words"),
    [
        ("int8", None, UsageError, "unknown variant 'int8'; this bundle has: tflite-float32, tflite-dynamic"),
        (
            "saved_model",
            None,
            UsageError,
            "saved_model is code and stays on the export machine; .*can load: tflite",
        ),
        (
            None,
            "tensorrt",
            UsageError,
            "unknown engine 'tensorrt'; known: litert, tflite-runtime, onnxruntime",
        ),
        (
            "tflite-int8",
            "onnxruntime",
            UsageError,
            "was verified for .*tflite-int8 is for litert, tflite-runtime",
        ),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(image_bundle, variant, engine, error, words):
    with pytest.raises(error, match=words):
        runtime.load(image_bundle, variant, engine)


def test_without_an_engine_the_pip_line_is_printed(image_bundle, monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match="pip install ai-edge-litert or tflite-runtime or onnxruntime"):
        runtime.load(image_bundle)
    with pytest.raises(EngineError, match="no engine for onnx-float32 is installed; pip install onnxruntime"):
        runtime.load(image_bundle, "onnx-float32")


def test_a_file_of_another_model_is_refused(spoilt):
    replace_file(spoilt, "tflite-int8.tflite", (MODELS / "table-float32.tflite").read_bytes())
    with pytest.raises(BundleError, match=r"tflite-int8\.tflite: its inputs are .*the manifest says"):
        runtime.load(spoilt, "tflite-int8")


def test_importing_runtime_loads_no_engine_and_is_cheap():
    program = (
        "import sys, time, numpy; before = set(sys.modules); begin = time.perf_counter(); import runtime; "
        "took = time.perf_counter() - begin; new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "assert new == {'runtime'}, new; print(took)"
    )
    took = [float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(5)]
    assert min(took) < 0.005
    with pytest.raises(AttributeError, match="no attribute 'lood'"):
        runtime.lood  # noqa: B018
