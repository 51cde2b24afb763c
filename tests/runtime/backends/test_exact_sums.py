"""ONNX Runtime's int8 sums are exact on every processor: its fast kernels for AVX2 without VNNI saturate in 16 bits."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runtime import backends

WIDTH = 64


def _file(nodes, constants):
    """A net from x [n, WIDTH] to y [n, 4]."""
    graph = helper.make_graph(
        [
            helper.make_node(kind, given, made, **more[0] if more else {})
            for kind, given, made, *more in nodes
        ],
        "sums",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", WIDTH])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def static():
    """QDQ with signed activations and weights."""
    nodes = [
        ("QuantizeLinear", ["x", "step", "low"], ["xq"]),
        ("DequantizeLinear", ["xq", "step", "low"], ["xd"]),
        ("DequantizeLinear", ["w", "one", "zero"], ["wd"]),
        ("MatMul", ["xd", "wd"], ["sums"]),
        ("QuantizeLinear", ["sums", "wide", "low"], ["yq"]),
        ("DequantizeLinear", ["yq", "wide", "low"], ["y"]),
    ]
    constants = {
        "step": np.float32(1 / 255), "one": np.float32(1), "wide": np.float32(WIDTH * 127 / 255),
        "low": np.int8(-128), "zero": np.int8(0), "w": np.full((WIDTH, 4), 127, np.int8),
    }  # fmt: skip
    return _file(nodes, constants)


def dynamic():
    """Activations quantized at each call."""
    nodes = [
        ("DynamicQuantizeLinear", ["x"], ["xq", "step", "zero"]),
        ("MatMulInteger", ["xq", "w", "zero"], ["sums"]),
        ("Cast", ["sums"], ["wide"], {"to": TensorProto.FLOAT}),
        ("Mul", ["wide", "step"], ["y"]),
    ]
    return _file(nodes, {"w": np.full((WIDTH, 4), 127, np.int8)})


@pytest.mark.parametrize("build", [static, dynamic])
def test_the_largest_sums_are_exact(build):
    model = backends.open_backend("onnxruntime", build())
    found = model.run({"x": np.ones((3, WIDTH), np.float32)})["y"]
    # Half of it where pairs of products saturate.
    assert found == pytest.approx(np.full((3, 4), WIDTH * 127), rel=1e-5)
