"""Files of several inputs and outputs of every dtype, in every scheme: bound by name, with the same answers."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers, ops

from export.formats import saved_model, tflite_static
from export.formats.format import Conversion, NothingToQuantize
from export.formats.saved_model import SavedModelBackend
from export.formats.table import FORMATS
from export.formats.tflite_graph import operators, type_name
from runtime.backends import open_backend
from runtime.errors import ConversionError, EngineError
from tests.export.formats.converted import BUILT, LIMITS, file_of, float32_files
from tests.export.formats.records import saved

pytestmark = pytest.mark.conversion


def build():
    """Inputs and outputs of which Keras' order, the order of names and that of tf2onnx differ; one output goes on."""
    keras.utils.set_random_seed(1)
    table, words = keras.Input((5,), name="Zeta"), keras.Input((7,), dtype="int32", name="aLPHA")
    mask, number = keras.Input((5,), dtype="bool", name="mask"), keras.Input((), name="number")
    found = layers.GlobalAveragePooling1D()(layers.Embedding(20, 64)(words))
    joined = layers.Concatenate()([table, found, ops.cast(mask, "float32"), ops.expand_dims(number, 1)])
    hidden = layers.Dense(32, activation="relu")(joined)
    outputs = {
        "second": layers.Dense(3)(hidden),
        "First": layers.Dense(2)(hidden),
        "same": table,
        "Middle": hidden,
        "place": ops.argmax(joined, -1),
        "sum": ops.sum(hidden, -1),
    }
    return keras.Model({"Zeta": table, "aLPHA": words, "mask": mask, "number": number}, outputs)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder with the SavedModel and the float32 files, the record, the feeds and the answers."""
    folder = tmp_path_factory.mktemp("several")
    described = float32_files(build(), folder)
    random = np.random.default_rng(1)
    feeds = {
        "Zeta": random.normal(size=(40, 5)).astype(np.float32),
        "aLPHA": random.integers(0, 20, (40, 7)).astype(np.int32),
        "mask": random.random((40, 5)) < 0.5,
        "number": random.normal(size=40).astype(np.float32),
    }
    return folder, described, feeds, SavedModelBackend(folder / "saved_model").run(feeds)


@pytest.mark.parametrize("target", BUILT, ids=lambda target: target.name)
def test_every_target_answers_by_name(made, target, tmp_path):
    folder, described, feeds, wanted = made
    file = file_of(target, folder, described, feeds, tmp_path)
    backend = open_backend(target.engines[0], file.read_bytes())
    assert {name: spec.dtype for name, spec in backend.inputs.items()} == {
        "Zeta": "float32",
        "aLPHA": "int32",
        "mask": "bool",
        "number": "float32",
    }
    answers = backend.run(feeds)
    for name, values in wanted.items():
        assert answers[name].dtype == values.dtype and answers[name].shape == values.shape
        if name != "place":
            assert np.abs(answers[name] - values).max() <= LIMITS[target.scheme] * max(
                1, np.abs(values).max()
            ), name


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_a_file_with_other_ends_than_the_record_is_refused(made, name, tmp_path):
    folder, described, _, _ = made
    fewer = described.__class__(**{**vars(described), "outputs": described.outputs[1:]})
    with pytest.raises(ConversionError, match=r"has the outputs .*; expected "):
        FORMATS[name].converters["float32"](Conversion(folder / "saved_model", tmp_path / "file", fewer))


def in_float32(model, name, folder, x):
    """The float32 file of a model with the input x, its record and its ranges."""
    trained, described = saved(model, folder)
    found = FORMATS[name]
    saved_model.float32(Conversion(trained, folder / "saved_model", described))
    float32 = folder / f"float32{found.suffix}"
    found.converters["float32"](Conversion(folder / "saved_model", float32, described))
    return float32, described, found.calibration.record_ranges(float32, {"x": x})


@pytest.mark.parametrize("scheme", ["float16", "dynamic"])
def test_tflite_stores_convolutions_over_three_axes_in_fewer_bits(scheme, tmp_path):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6, 7, 8, 4), name="x"), layers.Conv3D(16, 3, name="y")])
    x = np.random.default_rng(1).normal(size=(3, 6, 7, 8, 4)).astype(np.float32)
    float32, described, ranges = in_float32(model, "tflite", tmp_path, x)
    file = tmp_path / "file.tflite"
    notes = FORMATS["tflite"].converters[scheme](Conversion(float32, file, described))
    assert file.stat().st_size < (0.7 if scheme == "float16" else 0.5) * float32.stat().st_size
    assert notes == (("CONV_3D with weights of 8 bits compute in float32.",) if scheme == "dynamic" else ())
    found = open_backend("litert", file.read_bytes()).run({"x": x})["y"]
    wanted = np.asarray(model(x))
    assert np.abs(found - wanted).max() <= LIMITS[scheme] * np.abs(wanted).max()
    with pytest.raises(NothingToQuantize) as error:
        FORMATS["tflite"].converters["int8"](Conversion(float32, file, described, ranges))
    assert str(error.value) == (
        "the model has nothing to quantize: only CONV_3D carries weights, which TFLite computes in float32 alone; "
        "use dynamic, which stores them in 8 bits"
    )


@pytest.mark.parametrize("scheme", ["int8", "int16x8"])
def test_a_softmax_of_masked_scores_stays_in_float_in_tflite(scheme, tmp_path):
    """tflite-runtime makes the highest int8 of -1e9, where most scores are positive: what is masked is let through."""
    keras.utils.set_random_seed(1)
    x = keras.Input((5, 8), name="x")
    dense = layers.Dense(8)(x)
    model = keras.Model(x, layers.Attention(name="y")([dense, dense], use_causal_mask=True))
    values = np.random.default_rng(1).normal(size=(30, 5, 8)).astype(np.float32)
    float32, described, ranges = in_float32(model, "tflite", tmp_path, values)
    file = tmp_path / "file.tflite"
    FORMATS["tflite"].converters[scheme](Conversion(float32, file, described, ranges))
    (softmax,) = (op for op in operators(file) if op.name == "SOFTMAX")
    assert type_name(softmax.inputs[0]) == type_name(softmax.outputs[0]) == "FLOAT32"


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_each_group_of_an_attention_may_be_kept_alone(name, tmp_path):
    """The products of two activations belong to the group of one of them, and have no weights to be known by."""
    keras.utils.set_random_seed(1)
    x = keras.Input((5, 8), name="x")
    attention = layers.MultiHeadAttention(2, 4)(x, x)
    model = keras.Model(x, layers.Dense(16, name="y")(attention))
    values = np.random.default_rng(1).normal(size=(30, 5, 8)).astype(np.float32)
    float32, described, ranges = in_float32(model, name, tmp_path, values)
    found = FORMATS[name]
    plain = Conversion(float32, tmp_path / f"file{found.suffix}", described, ranges)
    groups = found.mixing.groups(plain)
    assert len(groups) >= 4
    for group in groups:
        job = replace(plain, higher=dict.fromkeys(group.keys, "float32"))
        found.converters["int8-mixed"](job)
        found.prove(job.destination, "int8-mixed")


@pytest.mark.parametrize("scheme", ["dynamic", "int8"])
@pytest.mark.parametrize("calls", [2, 7])
def test_onnx_runtime_loads_a_file_in_which_layers_share_weights(calls, scheme, tmp_path):
    keras.utils.set_random_seed(1)
    x = keras.Input((calls, 6), name="x")
    dense = layers.Dense(16, activation="relu")
    parts = [dense(x[:, place]) for place in range(calls)]
    model = keras.Model(x, layers.Dense(3, name="y")(layers.Concatenate()(parts)))
    values = np.random.default_rng(1).normal(size=(30, calls, 6)).astype(np.float32)
    float32, described, ranges = in_float32(model, "onnx", tmp_path, values)
    file = tmp_path / "file.onnx"
    notes = FORMATS["onnx"].converters[scheme](Conversion(float32, file, described, ranges))
    assert any("shares its weights with more than three others" in note for note in notes) == (calls > 4)
    found = open_backend("onnxruntime", file.read_bytes()).run({"x": values})["y"]
    wanted = np.asarray(model(values))
    assert np.abs(found - wanted).max() <= LIMITS[scheme] * np.abs(wanted).max()


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_nothing_to_quantize_is_said(name, tmp_path):
    model = keras.Sequential([keras.Input((4, 3), name="x"), layers.ReLU(), layers.GlobalMaxPooling1D()])
    float32, described, ranges = in_float32(model, name, tmp_path, np.ones((3, 4, 3), np.float32))
    found = FORMATS[name]
    for scheme in set(found.converters) - {"float32"}:
        with pytest.raises(NothingToQuantize) as error:
            found.converters[scheme](Conversion(float32, tmp_path / "file", described, ranges))
        assert str(error.value) == (
            "the model has nothing to quantize: none of its ops carries weights; use float32"
        )


def test_the_limit_of_relu6_fits_in_32_bits_where_all_values_lie_near_zero(tmp_path, monkeypatch):
    keras.utils.set_random_seed(1)
    x = keras.Input((6, 6, 4), name="x")
    near_zero = layers.Conv2D(16, 3, kernel_initializer=keras.initializers.RandomNormal(stddev=1e-8))(x)
    model = keras.Model(x, layers.Conv2D(4, 3, name="y")(layers.ReLU(6)(near_zero)))
    values = np.random.default_rng(1).normal(size=(30, 6, 6, 4)).astype(np.float32)
    float32, described, ranges = in_float32(model, "tflite", tmp_path, values)
    file = tmp_path / "file.tflite"
    FORMATS["tflite"].converters["int16x8"](Conversion(float32, file, described, ranges))
    assert open_backend("litert", file.read_bytes()).run({"x": values})["y"].shape == (30, 2, 2, 4)
    monkeypatch.setattr(tflite_static, "wide_enough", lambda ranges, operators: ranges)
    FORMATS["tflite"].converters["int16x8"](Conversion(float32, file, described, ranges))
    with pytest.raises(EngineError, match="no_integer_overflow_from_quantization"):
        open_backend("litert", file.read_bytes()).run({"x": values})
