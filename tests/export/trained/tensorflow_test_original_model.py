"""The original's answers: raw values in, by public names, scaled as training did, in any number of rows."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from data.original import Original, keras_bytes, read_original, write_original
from data.trained_model import Source, TrainedModel
from export.trained.free_batch import with_free_batch
from export.trained.model_files.load import load
from export.trained.original_model import OriginalModel, open_original, scaled
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import ModelError

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 6, 4, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("scaling", "module"),
    [("0-1", None), ("-1-1", keras.applications.mobilenet_v2), ("imagenet", keras.applications.densenet)],
)
def test_pixels_are_scaled_as_keras_does(scaling, module):
    pixels = PIXELS.astype(np.float32)
    expected = pixels / 255 if module is None else module.preprocess_input(pixels.copy())
    np.testing.assert_allclose(scaled(tf.constant(pixels), scaling), expected, atol=1e-6)
    assert scaled(pixels, None) is pixels


def opened(tmp_path, model, inputs, outputs, **source):
    model.save(path := tmp_path / "model.keras")
    return OriginalModel(load(path), tuple(inputs), tuple(outputs), Source(**source))


def test_several_inputs_of_several_dtypes_are_bound_by_name(tmp_path):
    z, a = keras.Input((6, 4), name="z"), keras.Input((5,), dtype="int64", name="a")
    words = layers.GlobalAveragePooling1D()(layers.Embedding(9, 3)(a))
    features = layers.Concatenate()([layers.Flatten()(z), words])
    outputs = {"y": layers.Dense(2)(features), "b": keras.ops.argmax(features, axis=1)}
    model = keras.Model({"z": z, "a": a}, outputs)
    found = opened(
        tmp_path,
        model,
        [
            InputRecord("image", "photo", (6, 4, 1), "uint8", 0, 255, resize="stretch"),
            InputRecord("sequence", "a", (5,), "int64"),
        ],
        [OutputRecord("best", (), "tensor", "int32"), OutputRecord("y", (2,), "regression")],
        names={"photo": "z", "best": "b"},
        pixels={"photo": "0-1"},
    )
    words = np.arange(15).reshape(3, 5) % 9
    answers = found.call({"a": words, "photo": PIXELS[..., :1]})
    expected = model.predict({"z": PIXELS[..., 0] / np.float32(255), "a": words}, verbose=0)
    np.testing.assert_allclose(answers["y"], expected["y"], atol=1e-5)
    np.testing.assert_array_equal(answers["best"], expected["b"])
    assert {name: str(values.dtype) for name, values in answers.items()} == {"best": "int32", "y": "float32"}


def test_many_rows_are_answered_in_chunks_as_each_alone(tmp_path):
    inputs = keras.Input((4,), name="x")
    model = keras.Model(inputs, layers.Dense(2, name="y")(inputs))
    record = InputRecord("table", "x", (4,), "float", columns=tuple("abcd"))
    found = opened(tmp_path, model, [record], [OutputRecord("y", (2,), "regression")])
    rows = np.random.default_rng(0).normal(size=(150, 4))
    whole = found.call({"x": rows})["y"]
    assert whole.shape == (150, 2)
    for place in (0, 63, 64, 149):
        np.testing.assert_allclose(
            found.call({"x": rows[place : place + 1]})["y"][0], whole[place], atol=1e-6
        )


def test_arrays_are_taken_whether_the_model_takes_their_dtype_or_another(tmp_path):
    """Of a mixture of arrays and tensors, which a cast makes, Keras refuses to answer."""
    half, byte = (
        keras.Input((2,), dtype="float16", name="half"),
        keras.Input((3,), dtype="uint8", name="byte"),
    )
    joined = layers.Concatenate()([keras.ops.cast(each, "float32") for each in (half, byte)])
    records = [InputRecord("tensor", "half", (2,), "float"), InputRecord("tensor", "byte", (3,), "uint8")]
    found = opened(
        tmp_path, keras.Model([half, byte], {"y": joined}), records, [OutputRecord("y", (5,), "tensor")]
    )
    given = {"half": np.full((4, 2), 0.5, np.float32), "byte": np.full((4, 3), 7, np.uint8)}
    wanted = np.concatenate([given["half"], given["byte"]], axis=1)
    np.testing.assert_array_equal(found.serve(given)["y"], wanted)
    np.testing.assert_array_equal(found.call(given)["y"], wanted)


def test_it_can_be_traced_and_owns_its_variables(tmp_path):
    inputs = keras.Input((4,), name="x", dtype="float16")
    model = keras.Model(inputs, layers.Dense(2, name="y")(inputs))
    record = InputRecord("table", "x", (4,), "float", columns=tuple("abcd"))
    found = opened(tmp_path, model, [record], [OutputRecord("y", (2,), "regression")])
    function = tf.function(found.serve, input_signature=[{"x": tf.TensorSpec((None, 4), tf.float32)}])
    traced = function.get_concrete_function()
    assert traced.structured_outputs["y"].shape.as_list() == [None, 2]
    assert traced.structured_outputs["y"].dtype == tf.float32


def test_other_weights_answer_under_the_same_names(tmp_path):
    inputs = keras.Input((4,), name="x")
    model = keras.Model({"x": inputs}, {"y": layers.Dense(2)(inputs)})
    record = InputRecord("table", "x", (4,), "float", columns=tuple("abcd"))
    found = opened(tmp_path, model, [record], [OutputRecord("y", (2,), "regression")])
    twice = keras.models.clone_model(found.keras)
    twice.set_weights([2 * array for array in found.keras.get_weights()])
    other, rows = found.with_keras(twice), {"x": np.ones((2, 4))}
    np.testing.assert_allclose(other.call(rows)["y"], 2 * found.call(rows)["y"], atol=1e-6)
    assert other.keras is twice


def test_a_folder_is_opened(tmp_path):
    inputs = keras.Input(batch_shape=(8, 4), name="x")
    model = keras.Model(inputs, layers.Dense(2, name="y")(inputs))
    rows = {"x": np.ones((3, 4), np.float32)}
    record = TrainedModel(
        "m",
        (InputRecord("table", "x", (4,), "float", columns=tuple("abcd")),),
        (OutputRecord("y", (2,), "regression"),),
        {},
        "a CPU",
        10,
    )
    write_original(
        tmp_path / "m", record, {"model.keras": keras_bytes(model)}, (rows, {"y": np.zeros((3, 2))})
    )
    # The file is fixed to eight rows; what is exported is not.
    answers = open_original(read_original(tmp_path / "m")).call(rows)["y"]
    np.testing.assert_allclose(answers, model.predict(np.ones((8, 4)), verbose=0)[:3], atol=1e-6)
    (tmp_path / "m" / "model.keras").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"model\.keras is not a Keras model"):
        open_original(Original(tmp_path / "m", record))


def free(tmp_path, model, shape=(4,)):
    record = InputRecord("tensor", "x", shape, "float")
    found = opened(tmp_path, model, [record], ())
    pool = {"x": np.random.default_rng(0).normal(size=(40, *shape)).astype(np.float32)}
    return with_free_batch(found, pool), found


def test_a_fixed_batch_is_freed_where_the_answers_stay(tmp_path):
    inputs = keras.Input(batch_shape=(8, 4), name="x")
    freed, fixed = free(tmp_path, keras.Model(inputs, layers.Dense(2)(inputs)))
    assert (fixed.loaded.batch, freed.loaded.batch) == (8, None)


def test_a_free_batch_stays(tmp_path):
    inputs = keras.Input((4,), name="x")
    freed, model = free(tmp_path, keras.Model(inputs, layers.Dense(2)(inputs)))
    assert freed is model


REMEDY = "build it with a free batch, keras.Input(batch_shape=(None, …)), load its weights, and save it again"


def test_a_model_that_counts_on_its_batch_is_refused(tmp_path):
    inputs = keras.Input(batch_shape=(8, 4), name="x")
    model = keras.Model(inputs, keras.ops.reshape(layers.Dense(2)(inputs), (8, 2)) + keras.ops.ones((8, 1)))
    with pytest.raises(ModelError) as caught:
        free(tmp_path, model)
    said = str(caught.value)
    assert said.startswith("model.keras takes exactly 8 rows at a time, and cannot take another number (")
    assert said.endswith(REMEDY) and "\x1b" not in said and "{{" not in said


def test_a_model_that_mixes_its_rows_is_refused(tmp_path):
    inputs = keras.Input(batch_shape=(8, 4), name="x")
    model = keras.Model(inputs, inputs - keras.ops.mean(inputs, axis=0, keepdims=True))
    with pytest.raises(ModelError) as caught:
        free(tmp_path, model)
    assert str(caught.value) == (
        f"model.keras takes exactly 8 rows at a time, and answers otherwise when it is given another number; {REMEDY}"
    )


def test_a_state_between_calls_is_refused_by_the_layers_name(tmp_path):
    inputs = keras.Input(batch_shape=(1, 5, 3), name="x")
    model = keras.Model(inputs, layers.LSTM(2, stateful=True, name="memory")(inputs))
    with pytest.raises(ModelError) as caught:
        free(tmp_path, model, (5, 3))
    assert str(caught.value) == (
        "model.keras takes exactly 1 row at a time, because its layer 'memory' keeps its state between calls "
        "(stateful=True), and an exported file takes any number; build it with stateful=False, and give its states to "
        "the model as inputs and take them as outputs (initial_state, return_state=True)"
    )
