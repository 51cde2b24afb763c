"""Models that a format cannot express are refused by the names of their layers."""

import keras
import pytest
from keras import layers, ops

from export.formats.unsupported import RULES, check, refusals
from runtime.errors import ConversionError

NUMBERS = "move it out of the model: look the strings up before, and give the model numbers"
STATE = (
    "the layer {!r} ({}) keeps its state between calls (stateful=True): an ONNX file would freeze it at its first "
    "value (the op AssignVariableOp), and no file that answers the same input otherwise each time can be verified; "
    "build it with stateful=False, and give its states to the model as inputs and take them as outputs (initial_state, "
    "return_state=True)"
)


def model(layer, shape=(3,), dtype="float32", batch=None):
    return keras.Sequential([keras.Input(shape, dtype=dtype, batch_size=batch), layer])


def both(found, text):
    assert refusals(found, "tflite") == refusals(found, "onnx") == [text]


def test_strings():
    both(
        model(layers.StringLookup(vocabulary=["a"], name="words"), (1,), "string"),
        "the layer 'words' (StringLookup) takes or gives strings (the op LookupTableFindV2), which the engines of a "
        f"device do not have; {NUMBERS}",
    )
    both(
        model(layers.TextVectorization(vocabulary=["a"], name="text"), (1,), "string"),
        "the layer 'text' (TextVectorization) splits strings (the op StringSplitV2), which the engines of a device do "
        f"not have; {NUMBERS}",
    )


def test_hashes():
    both(
        model(layers.Hashing(3, name="bins"), (1,), "int32"),
        "the layer 'bins' (Hashing) hashes strings (the ops AsString, StringToHashBucketFast and SparseCross), also "
        "those of numbers; use IntegerLookup, or hash before the model",
    )


@pytest.mark.skipif(keras.__version__ < "3.15", reason="Keras 3.12 knows one method")
def test_what_a_vocabulary_lacks_and_is_hashed_as_a_string():
    settings = {"vocabulary": [1, 2], "num_oov_indices": 2, "name": "ids"}
    both(
        model(layers.IntegerLookup(oov_method="farmhash", **settings), (1,), "int64"),
        "the layer 'ids' (IntegerLookup) hashes what is not in its vocabulary as strings (the op "
        "StringToHashBucketFast); use oov_method='floormod'",
    )


def test_a_lookup_that_stops_at_unknown_values():
    both(
        model(layers.IntegerLookup(vocabulary=[1, 2], num_oov_indices=0, name="ids"), (1,), "int64"),
        "the layer 'ids' (IntegerLookup) stops with an error at a value that is not in its vocabulary (the op "
        "Assert), which no engine can; use num_oov_indices=1",
    )


def test_sparse_tensors():
    both(
        model(layers.CategoryEncoding(4, sparse=True, name="bits"), (2,), "int32"),
        "the layer 'bits' (CategoryEncoding) gives a sparse tensor; use sparse=False",
    )


def test_states_between_calls():
    both(model(layers.LSTM(2, stateful=True, name="memory"), (4, 3), batch=1), STATE.format("memory", "LSTM"))


def test_layers_inside_models_are_found():
    memory = layers.GRU(2, stateful=True, return_sequences=True, name="memory")
    inner = keras.Sequential([keras.Input((4, 3), batch_size=1), layers.Bidirectional(memory, name="pair")])
    found = refusals(keras.Sequential([keras.Input((4, 3), batch_size=1), inner]), "onnx")
    assert found == [STATE.format("pair", "Bidirectional")], "the outer layer alone, which the user knows"


def test_operations_on_complex_numbers():
    x = keras.Input((8,))
    real, imaginary = ops.rfft(x)
    found = keras.Model(x, ops.irfft((real, imaginary)))
    (text,) = refusals(found, "tflite")
    assert text == (
        "the layer 'irfft' (IRFFT) computes with complex numbers (the ops FFT, FFT2D, IFFT2D, IRFFT and Angle), which "
        "neither format has of its own; compute the real and the imaginary part by multiplications with cosines and "
        "sines"
    )


def test_whole_numbers_that_tflite_does_not_have():
    x = keras.Input((3,), dtype="uint64", name="x")
    found = keras.Model(x, layers.Rescaling(1 / 16)(x))
    assert refusals(found, "onnx") == []
    assert refusals(found, "tflite") == [
        "the layer 'x' (InputLayer) takes uint64, which TFLite cannot turn into other numbers (the op Cast); let the "
        "model take int64, whose numbers go up to 2⁶³ - 1"
    ]


def test_models_that_keras_quantized():
    found = model(layers.Dense(4, name="dense_8"), (8,))
    found.quantize("int8")
    both(
        found,
        "the layer 'dense_8' (Dense) was quantized by Keras (int8), and its weights are not those of the float model "
        "any more; export the model as it was before model.quantize(): edgeproof quantizes it itself",
    )


def test_a_model_that_both_formats_have():
    found = keras.Sequential(
        [keras.Input((5,), dtype="int32"), layers.Embedding(9, 4), layers.LSTM(3), layers.Dense(1)]
    )
    for form in ("tflite", "onnx"):
        assert refusals(found, form) == []
        check(found, form)


def test_the_check_names_the_first_and_counts_the_others():
    found = keras.Sequential(
        [
            keras.Input((4, 3), batch_size=1),
            layers.LSTM(2, stateful=True, return_sequences=True, name="first"),
            layers.GRU(2, stateful=True, name="second"),
        ]
    )
    with pytest.raises(ConversionError) as error:
        check(found, "onnx")
    assert str(error.value) == (
        f"ONNX cannot run the model: {STATE.format('first', 'LSTM')} (and 1 more such layers)"
    )


def test_the_classes_in_the_rules_are_there():
    import keras.src.ops.math as math
    import keras.src.ops.numpy as numpy

    for rule in RULES:
        for name in rule.classes:
            assert any(hasattr(place, name) for place in (layers, math, numpy)), name
