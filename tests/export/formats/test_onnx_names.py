"""Names in quantized ONNX graphs."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.formats import onnx_names, onnxruntime


def quantized(extra: str = "other") -> onnx.ModelProto:
    """A product of quantized weights, named as ONNX Runtime's quantizer does."""
    pair = ["x_scale", "x_zero_point"]
    nodes = [
        helper.make_node("QuantizeLinear", ["x", *pair], ["x_QuantizeLinear_Output"], "x_QuantizeLinear"),
        helper.make_node(
            "DequantizeLinear",
            ["x_QuantizeLinear_Output", *pair],
            ["x_DequantizeLinear_Output"],
            "x_Dequantize",
        ),
        helper.make_node(
            "DequantizeLinear",
            ["w_quantized", "w_scale", "w_zero_point"],
            ["w_DequantizeLinear_Output.2"],
            "w",
        ),
        helper.make_node("Mul", ["x_DequantizeLinear_Output", extra], ["scaled_by"], "Mul_0"),
        helper.make_node("MatMul", ["scaled_by", "w_DequantizeLinear_Output.2"], ["y"], "MatMul_1"),
    ]
    weights = np.arange(6, dtype=np.int8).reshape(2, 3)
    constants = {
        "x_scale": np.float32(0.5),
        "x_zero_point": np.int8(3),
        "w_quantized": weights,
        "w_scale": np.float32(0.25),
        "w_zero_point": np.int8(0),
        extra: np.float32(2),
    }
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_what_quantization_added_has_short_names_and_the_answers_stay():
    model = quantized()
    feeds = {"x": np.array([[1.3, -2.6]], np.float32)}
    before, size = onnxruntime.answers(model, feeds, ["y"])["y"], model.ByteSize()
    onnx_names.shorten(model.graph)
    onnx.checker.check_model(model)
    np.testing.assert_array_equal(onnxruntime.answers(model, feeds, ["y"])["y"], before)
    assert model.ByteSize() < size
    assert [node.name for node in model.graph.node] == ["", "", "", "Mul_0", "MatMul_1"]
    # Named are what people know: the input, the output, and what is between them.
    names = [name for node in model.graph.node for name in (*node.input, *node.output)]
    assert {name for name in names if not name.isdigit()} == {"x", "other", "scaled_by", "y"}
    assert len({name for name in names if name.isdigit()}) == 8
    assert {tensor.name for tensor in model.graph.initializer} <= {*names}


def test_a_name_that_is_there_already_is_not_given_again():
    model = quantized(extra="1")
    feeds = {"x": np.array([[1.3, -2.6]], np.float32)}
    before = onnxruntime.answers(model, feeds, ["y"])["y"]
    onnx_names.shorten(model.graph)
    onnx.checker.check_model(model)
    np.testing.assert_array_equal(onnxruntime.answers(model, feeds, ["y"])["y"], before)
    assert [node.name for node in model.graph.node if "1" in node.input] == ["Mul_0"]
