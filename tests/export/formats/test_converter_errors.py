"""What converters say, as a sentence for the author of a model."""

import json
import logging

import pytest

from export.formats.converter_errors import from_tf2onnx, from_tflite, no_onnx_ops
from export.formats.layer_names import file_of, layer_of
from export.formats.tf2onnx import NotConverted, _named_where_it_fails


def remedy(name, layer=True):
    if not layer:
        return f"build the model from layers of Keras that it has (docs/layers.md lists what {name} has)"
    return (
        f"replace the layer by layers of Keras that it has (docs/layers.md lists what {name} has), or end the model "
        "before it and compute the rest behind the file"
    )


def flex(op, name, operands="tensor<?x4xf32>"):
    return Exception(
        f'<unknown>:0: error: loc(callsite(fused["{op}:", "{name}@__inference_serve_255"] at callsite(fused['
        f'"StatefulPartitionedCall:", "StatefulPartitionedCall@__inference"]))): \'tf.{op}\' op is neither a custom op '
        f'nor a flex op\nsee current operation: %3 = "tf.{op}"(%2) {{device = ""}} : ({operands}) -> tensor<?x4xf32>'
    )


@pytest.fixture
def saved_model(tmp_path):
    """A SavedModel, of which it is known what its ops were traced from."""
    names = {
        "functional_1/erfinv/Erfinv": "'quantile' (Erfinv)",
        "functional_1/block_1/lstm_1/while": "'block/lstm' (LSTM)",
        "functional_1/block_1/lstm_1/Fill": "'block/lstm' (LSTM)",
    }
    file_of(tmp_path / "saved_model").write_text(json.dumps(names))
    return tmp_path / "saved_model"


def test_the_layer_of_an_op(saved_model, tmp_path):
    assert layer_of("functional_1/erfinv/Erfinv", saved_model) == "'quantile' (Erfinv)"
    assert (
        layer_of("StatefulPartitionedCall/functional_1/erfinv/Erfinv", saved_model) == "'quantile' (Erfinv)"
    )
    assert layer_of("functional_1/block_1/lstm_1/while/cell/Erfinv", saved_model) == "'block/lstm' (LSTM)"
    assert layer_of("functional_1/other/Erfinv", saved_model) is None, "of several layers"
    assert layer_of("serving/Erfinv", saved_model) is None
    assert layer_of("functional_1/erfinv/Erfinv", tmp_path / "another") is None


def test_an_op_that_tflite_does_not_have(saved_model, tmp_path):
    error = flex("Erfinv", "functional_1/erfinv/Erfinv")
    assert str(from_tflite(error, saved_model)) == (
        "TFLite has no op for Erfinv (in the layer 'quantile' (Erfinv)), and an engine on a device has no Flex ops; "
        + remedy("TFLite")
    )
    assert str(from_tflite(error, tmp_path / "another")) == (
        f"TFLite has no op for Erfinv, and an engine on a device has no Flex ops; {remedy('TFLite', False)}"
    )


@pytest.mark.parametrize(("kind", "dtype"), [("ui8", "uint8"), ("i16", "int16"), ("f64", "float64")])
def test_an_op_that_tflite_has_for_other_numbers(saved_model, kind, dtype):
    error = flex("Maximum", "functional_1/erfinv/Erfinv", f"tensor<?x6x{kind}>, tensor<?x6x{kind}>")
    assert str(from_tflite(error, saved_model)) == (
        f"TFLite has no op for Maximum of {dtype} (in the layer 'quantile' (Erfinv)), and an engine on a device has no "
        "Flex ops; let it compute in int32 or float32: cast what it takes before it (keras.ops.cast)"
    )


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (
            "'tf.TensorListReserve' op requires element_shape to be static during TF Lite transformation pass",
            "it keeps a list of tensors of unknown shapes (the op TensorListReserve), as recurrent layers in a "
            "SavedModel do; give the .keras or .h5 file that it was made from, or fix the sizes with --shape",
        ),
        (
            "'tf.Angle' op cannot convert tensor<complex64>",
            "it computes with complex numbers (the op Angle), which TFLite has no ops for; compute the real and the "
            "imaginary part by multiplications with cosines and sines",
        ),
        ("no\n  such luck", f"no such luck; {remedy('TFLite', False)}"),
    ],
)
def test_what_else_tensorflows_converter_says(said, meaning, saved_model):
    assert str(from_tflite(Exception(said), saved_model)) == (
        f"TensorFlow's converter cannot write the model to TFLite: {meaning}"
    )


def test_what_else_it_says_of_one_layer(saved_model):
    said = 'loc(fused["Angle:", "functional_1/erfinv/Erfinv@serve"]): \'tf.Angle\' op has no complex numbers'
    assert str(from_tflite(Exception(said), saved_model)) == (
        "TensorFlow's converter cannot write the layer 'quantile' (Erfinv) to TFLite: it computes with complex numbers "
        "(the op Angle), which TFLite has no ops for; compute the real and the imaginary part by multiplications with "
        "cosines and sines"
    )


def test_what_tf2onnx_says(saved_model):
    assert (
        str(from_tf2onnx(ValueError("no\nway"), saved_model))
        == f"tf2onnx cannot write the model to ONNX: no way; {remedy('ONNX', False)}"
    )
    failed = NotConverted("Erfinv", "StatefulPartitionedCall/functional_1/erfinv/Erfinv", "no\nway")
    assert str(from_tf2onnx(failed, saved_model)) == (
        "tf2onnx cannot write the layer 'quantile' (Erfinv) to ONNX: its op Erfinv: no way; " + remedy("ONNX")
    )


def test_the_op_that_tf2onnx_fails_on_is_read_in_its_log():
    with pytest.raises(NotConverted, match="no way") as error, _named_where_it_fails():
        logging.getLogger("tf2onnx.tfonnx").error(
            "Failed to convert node %r (fct=%r)\n%r", "a/Erfinv", None, "OP=Erfinv\nName=a/Erfinv"
        )
        raise ValueError("no way")
    assert (error.value.op, error.value.name) == ("Erfinv", "a/Erfinv")
    with pytest.raises(ValueError, match="at once"), _named_where_it_fails():
        raise ValueError("at once")


def test_ops_that_tf2onnx_leaves_as_they_are(saved_model):
    found = no_onnx_ops(
        [("Erfinv", "functional_1/erfinv/Erfinv"), ("Bucketize", "StatefulPartitionedCall/Bucketize")],
        saved_model,
    )
    assert str(found) == (
        f"ONNX has no op for Erfinv (in the layer 'quantile' (Erfinv)), Bucketize; {remedy('ONNX')}"
    )
