"""Constants of ONNX graphs: out of what a loop carries along, and into eight bits."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.formats import onnx_constants, onnx_graph
from export.formats.onnx_constants import (
    give_each_its_own,
    give_each_its_own_dequantized,
    move_into_loops,
    shorten_zero_points,
    weights_in_8_bits,
)
from runtime.backends.onnxruntime import EXACT_KERNELS

RANDOM = np.random.default_rng(1)
SQUARE = RANDOM.normal(size=(4, 4)).astype(np.float32)


def tensor(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes, inputs, outputs, constants):
    stored = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer(made, **feed):
    onnx.checker.check_model(made)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry(EXACT_KERNELS, "1")
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, feed)


def looping():
    """Three steps, each a product with a matrix that the loop carries along, and gives at its end."""
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["h", "w"], ["m"], name="product"),
            helper.make_node("Tanh", ["m"], ["h2"], name="tanh"),
            helper.make_node("Identity", ["c"], ["c2"], name="go on"),
            helper.make_node("Identity", ["w"], ["w2"], name="unchanged"),
        ],
        "body",
        [
            tensor("i", [], TensorProto.INT64),
            tensor("c", [], TensorProto.BOOL),
            tensor("h", None),
            tensor("w", [4, 4]),
        ],
        [tensor("c2", [], TensorProto.BOOL), tensor("h2", None), tensor("w2", [4, 4])],
    )
    loop = helper.make_node("Loop", ["count", "", "x", "weights"], ["y", "left"], name="loop", body=body)
    behind = helper.make_node("MatMul", ["y", "left"], ["z"], name="behind")
    constants = {"count": np.array(3, np.int64), "weights": SQUARE}
    return model([loop, behind], [tensor("x", ["n", 4])], [tensor("z", ["n", 4])], constants)


X = RANDOM.normal(size=(5, 4)).astype(np.float32)


def test_a_loop_has_the_constants_that_it_carries_along_in_its_body():
    made = looping()
    (before,) = answer(made, x=X)
    move_into_loops(made.graph)
    (loop, _) = made.graph.node
    ((_, body),) = onnx_graph.bodies(loop)
    assert [constant.name for constant in body.initializer] == ["w"]
    assert len(loop.input) == 3 and len(loop.output) == 1 and len(body.output) == 2
    (after,) = answer(made, x=X)
    np.testing.assert_array_equal(after, before)


def test_weights_in_a_loop_are_turned_into_float32_outside_of_it():
    made = looping()
    (before,) = answer(made, x=X)
    move_into_loops(made.graph)
    assert weights_in_8_bits(made, lambda node: True) == ["behind", "product"]
    ((_, body),) = onnx_graph.bodies(next(node for node in made.graph.node if node.op_type == "Loop"))
    assert not body.initializer
    assert all(
        constant.data_type != TensorProto.FLOAT or constant.dims == [4] for constant in made.graph.initializer
    )
    onnx_graph.sort(made.graph)
    (after,) = answer(made, x=X)
    assert 0 < np.abs(after - before).max() < 0.05


def test_a_table_is_looked_up_in_8_bits():
    table = RANDOM.normal(size=(9, 3)).astype(np.float32)
    node = helper.make_node("Gather", ["table", "places"], ["found"], name="lookup")
    ends = [tensor("places", ["n"], TensorProto.INT64)], [tensor("found", ["n", 3])]
    made = model([node], *ends, {"table": table})
    assert weights_in_8_bits(made, lambda node: True) == ["lookup"]
    assert [node.op_type for node in made.graph.node] == ["Gather", "DequantizeLinear"]
    (found,) = answer(made, places=np.array([8, 0]))
    assert np.abs(found - table[[8, 0]]).max() <= np.abs(table).max() / 254 + 1e-6


@pytest.mark.parametrize(
    ("op", "shape", "axis", "settings"),
    [
        ("Conv", (4, 2, 3), 0, {}),
        ("ConvTranspose", (2, 4, 3), 1, {}),
        ("Gemm", (3, 4), 1, {}),
        ("Gemm", (4, 3), 0, {"transB": 1}),
        ("MatMul", (3, 4), 1, {}),
    ],
)
def test_each_output_has_a_scale_of_its_own(op, shape, axis, settings):
    node = helper.make_node(op, ["x", "w"], ["y"], name="it", **settings)
    assert onnx_constants._channel_axis(node, len(shape)) == axis
    made = model([node], [tensor("x", None)], [tensor("y", None)], {"w": np.ones(shape, np.float32)})
    weights_in_8_bits(made, lambda node: True)
    scales = next(constant for constant in made.graph.initializer if constant.name == "w.scale")
    assert scales.dims == [4]


def chain(op, length, **settings):
    """Products with the same matrix, one behind the other."""
    names = ["x", *(f"t{place}" for place in range(1, length)), "y"]
    nodes = [
        helper.make_node(op, [names[place], "w"], [names[place + 1]], name=f"node{place}", **settings)
        for place in range(length)
    ]
    return model(nodes, [tensor("x", ["n", 4])], [tensor("y", ["n", 4])], {"w": SQUARE})


@pytest.mark.parametrize(("op", "settings"), [("Gemm", {"transB": 1}), ("MatMul", {})])
def test_shared_matrices_are_copied(op, settings):
    """ONNX Runtime 1.31 transposes a matrix in place for each node that takes it, when it quantizes them."""
    made = chain(op, 2, **settings)
    (before,) = answer(made, x=X)
    assert give_each_its_own(made) == set()
    assert len({node.input[1] for node in made.graph.node}) == 2
    np.testing.assert_array_equal(answer(made, x=X)[0], before)


def test_matrices_that_many_nodes_share_are_not_copied_but_named():
    made = chain("MatMul", 5)
    assert give_each_its_own(made) == {f"node{place}" for place in range(5)}
    assert {node.input[1] for node in made.graph.node} == {"w"}


def test_dequantized_constants_that_are_shared_are_copied():
    """A constant that is added twice, between pairs that quantize and dequantize, as those of normalisations are."""

    def pair(name, source):
        return [
            helper.make_node("QuantizeLinear", [source, "scale", "zero"], [f"{name} in 8 bits"]),
            helper.make_node("DequantizeLinear", [f"{name} in 8 bits", "scale", "zero"], [name]),
        ]

    nodes = [
        helper.make_node("DequantizeLinear", ["eight", "step", "nought"], ["constant"], name="shared"),
        *pair("x again", "x"),
        helper.make_node("Add", ["x again", "constant"], ["a"], name="first"),
        *pair("a again", "a"),
        helper.make_node("Add", ["a again", "constant"], ["b"], name="second"),
        *pair("y", "b"),
    ]
    constants = {
        "eight": np.array([1, 2, 3, 100], np.int8),  # up to 64 it stays as it is
        **dict.fromkeys(("scale", "step"), np.array(0.5, np.float32)),
        **dict.fromkeys(("zero", "nought"), np.array(0, np.int8)),
    }
    made = model(nodes, [tensor("x", ["n", 4])], [tensor("y", ["n", 4])], constants)
    with pytest.raises(Exception, match="Attempt to replace the existing tensor"):
        answer(made, x=X)
    give_each_its_own_dequantized(made)
    onnx_graph.sort(made.graph)
    np.testing.assert_array_equal(
        answer(made, x=2 * X)[0], np.minimum(np.round(4 * X) / 2 + [1, 2, 3, 100], 63.5)
    )
    assert len(made.graph.initializer) == 8
    give_each_its_own_dequantized(made)
    assert len(made.graph.initializer) == 8


def quantized_dense(zero_of_bias=0):
    """A dense layer as ONNX Runtime's quantizer writes it, with zero points that are not stored raw."""
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xf"]),
        helper.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wf"], axis=1),
        helper.make_node("DequantizeLinear", ["b", "bs", "bz"], ["bf"], axis=0),
        helper.make_node("Gemm", ["xf", "wf", "bf"], ["y"]),
    ]
    constants = {
        "s": np.float32(0.1),
        "w": np.arange(-20, 20, dtype=np.int8).reshape(4, 10),
        "ws": np.full(10, 0.02, np.float32),
        "b": np.arange(10, dtype=np.int32),
        "bs": np.full(10, 0.002, np.float32),
        "bz": np.full(10, zero_of_bias, np.int32),
    }
    made = model(nodes, [tensor("x", [2, 4])], [tensor("y", [2, 10])], constants)
    zeros = {"z": ([], [-77]), "wz": ([10], [0] * 10)}
    made.graph.initializer.extend(
        helper.make_tensor(name, TensorProto.INT8, shape, values) for name, (shape, values) in zeros.items()
    )
    return made


def test_zero_points_of_biases_are_left_out_and_others_take_a_byte_each():
    made = quantized_dense()
    rows = np.linspace(-2, 3, 8, dtype=np.float32).reshape(2, 4)
    (before,), size = answer(made, x=rows), made.ByteSize()
    shorten_zero_points(made)
    np.testing.assert_array_equal(answer(made, x=rows)[0], before)
    assert [len(node.input) for node in made.graph.node] == [3, 3, 3, 2, 3]
    stored = {each.name: each for each in made.graph.initializer}
    assert "bz" not in stored and stored["z"].raw_data == b"\xb3" and len(stored["wz"].raw_data) == 10
    assert made.ByteSize() < size - 40


def test_a_zero_point_of_a_bias_that_is_not_0_is_never_left_out():
    with pytest.raises(AssertionError, match="b has a zero point"):
        shorten_zero_points(quantized_dense(zero_of_bias=1))
