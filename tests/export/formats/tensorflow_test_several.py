"""Files of several inputs and outputs of every dtype, in every scheme: bound by name, with the same answers."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from export.formats import saved_model
from export.formats.format import Conversion
from export.formats.saved_model import SavedModelBackend
from export.formats.table import FORMATS
from export.targets import PLAIN
from runtime.backends import open_backend
from runtime.errors import ConversionError
from tests.export.formats.records import saved

pytestmark = pytest.mark.conversion


def build():
    """Inputs and outputs of which Keras' order, the order of names and that of tf2onnx differ."""
    keras.utils.set_random_seed(1)
    table, words = keras.Input((5,), name="zeta"), keras.Input((7,), dtype="int32", name="alpha")
    mask, number = keras.Input((5,), dtype="bool", name="mask"), keras.Input((), name="number")
    found = layers.GlobalAveragePooling1D()(layers.Embedding(20, 64)(words))
    joined = layers.Concatenate()([table, found, ops.cast(mask, "float32"), ops.expand_dims(number, 1)])
    hidden = layers.Dense(32, activation="relu")(joined)
    outputs = {
        "second": layers.Dense(3)(hidden),
        "first": layers.Dense(2)(hidden),
        "same": table,
        "place": ops.argmax(joined, -1),
        "sum": ops.sum(hidden, -1),
    }
    return keras.Model({"zeta": table, "alpha": words, "mask": mask, "number": number}, outputs)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder with the SavedModel and the float32 files, the record, the feeds and the answers."""
    folder = tmp_path_factory.mktemp("several")
    trained, described = saved(build(), folder)
    saved_model.float32(Conversion(trained, folder / "saved_model", described))
    for name in ("tflite", "onnx"):
        found = FORMATS[name]
        file = folder / f"{name}-float32{found.suffix}"
        found.converters["float32"](Conversion(folder / "saved_model", file, described))
    random = np.random.default_rng(1)
    feeds = {
        "zeta": random.normal(size=(40, 5)).astype(np.float32),
        "alpha": random.integers(0, 20, (40, 7)).astype(np.int32),
        "mask": random.random((40, 5)) < 0.5,
        "number": random.normal(size=40).astype(np.float32),
    }
    return folder, described, feeds, SavedModelBackend(folder / "saved_model").run(feeds)


LIMITS = {"float32": 1e-5, "float16": 5e-3, "dynamic": 0.05, "int8": 0.1, "int16x8": 0.03}
BUILT = [target for target in PLAIN.values() if target.format != "saved_model"]


@pytest.mark.parametrize("target", BUILT, ids=lambda target: target.name)
def test_every_target_answers_by_name(made, target, tmp_path):
    folder, described, feeds, wanted = made
    found = FORMATS[target.format]
    source = folder / f"{target.format}-float32{found.suffix}"
    file = source
    if target.scheme != "float32":
        file = tmp_path / f"{target.name}{found.suffix}"
        ranges = found.calibration.record_ranges(source, feeds) if target.calibrated else None
        found.converters[target.scheme](Conversion(source, file, described, ranges))
    found.prove(file, target.scheme)
    backend = open_backend(target.engines[0], file.read_bytes())
    assert {name: spec.dtype for name, spec in backend.inputs.items()} == {
        "zeta": "float32",
        "alpha": "int32",
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


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_nothing_to_quantize_is_said(name, tmp_path):
    model = keras.Sequential([keras.Input((4, 3), name="x"), layers.ReLU(), layers.GlobalMaxPooling1D()])
    trained, described = saved(model, tmp_path)
    found = FORMATS[name]
    saved_model.float32(Conversion(trained, tmp_path / "saved_model", described))
    float32 = tmp_path / f"float32{found.suffix}"
    found.converters["float32"](Conversion(tmp_path / "saved_model", float32, described))
    ranges = found.calibration.record_ranges(float32, {"x": np.ones((3, 4, 3), np.float32)})
    for scheme in set(found.converters) - {"float32"}:
        with pytest.raises(ConversionError) as error:
            found.converters[scheme](Conversion(float32, tmp_path / "file", described, ranges))
        assert str(error.value) == (
            "the model has nothing to quantize: none of its ops carries weights; use float32"
        )
