"""What converters say, as a sentence for the author of a model."""

import pytest

from export.formats.converter_errors import from_tf2onnx, from_tflite, no_onnx_ops

REMEDY = "build the model from other layers, or compute this before or behind the model"
FLEX = """
<unknown>:0: error: loc(callsite(fused["Erfinv:", "functional_1/quantile_1/Erfinv@__inference_serve_255"] at
callsite(fused["StatefulPartitionedCall:", "StatefulPartitionedCall@__inference"]))): 'tf.Erfinv' op is neither a custom
op nor a flex op
""".replace("\n", " ")


def test_an_op_that_tflite_does_not_have():
    assert str(from_tflite(Exception(FLEX))) == (
        "TFLite has no op for Erfinv (in functional_1/quantile_1), and an engine on a device has no Flex ops; "
        + REMEDY
    )


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (
            "'tf.TensorListReserve' op requires element_shape to be static during TF Lite transformation pass",
            "it keeps a list of tensors of unknown shapes, as recurrent layers in a SavedModel do; give the .keras or "
            ".h5 file that it was made from, or fix the sizes with --shape",
        ),
        (
            "cannot convert tensor<complex64>",
            "it computes with complex numbers, which TFLite has no ops for; " + REMEDY,
        ),
        ("no\n  such luck", "no such luck; " + REMEDY),
    ],
)
def test_what_else_tensorflows_converter_says(said, meaning):
    assert str(from_tflite(Exception(said))) == (
        f"TensorFlow's converter cannot write the model to TFLite: {meaning}"
    )


def test_what_tf2onnx_says():
    assert (
        str(from_tf2onnx(ValueError("no\nway")))
        == f"tf2onnx cannot write the model to ONNX: no way; {REMEDY}"
    )


def test_ops_that_tf2onnx_leaves_as_they_are():
    inner = "StatefulPartitionedCall/Bucketize"
    found = no_onnx_ops([("Erfinv", "functional_1/quantile_1/Erfinv"), ("Bucketize", inner)])
    assert str(found) == f"ONNX has no op for Erfinv, Bucketize (in functional_1/quantile_1); {REMEDY}"
