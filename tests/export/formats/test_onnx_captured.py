"""What loops take from the graph around them is dequantized so that ONNX Runtime can load the file."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.formats import onnx as onnx_format
from export.formats.format import Conversion
from export.formats.onnx_captured import dequantize_in_steps
from tests.export.formats.records import tensors

STORED = np.arange(-6, 6, dtype=np.int8).reshape(3, 4)
PLACES = np.array([2, 0, 1])


def tensor(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(move, zero, taken_by_loop=True):
    """Rows of an 8-bit table, dequantized and perhaps moved; four steps of a loop add a row each."""
    body = helper.make_graph(
        [
            helper.make_node("Gather", ["moved" if taken_by_loop else "other", "i"], ["row"]),
            helper.make_node("Add", ["row", "sum"], ["next"]),
            helper.make_node("Identity", ["on"], ["still"]),
        ],
        "body",
        [tensor("i", [], TensorProto.INT64), tensor("on", [], TensorProto.BOOL), tensor("sum", None)],
        [tensor("still", [], TensorProto.BOOL), tensor("next", None)],
    )
    nodes = [
        helper.make_node("Gather", ["table", "places"], ["found"], name="lookup"),
        helper.make_node("DequantizeLinear", ["found", "scale", "zero"], ["real"], name="dequantize"),
        move,
        helper.make_node("Loop", ["steps", "true", "start"], ["given"], name="loop", body=body),
    ]
    constants = {
        "table": STORED, "scale": np.float32(0.1), "zero": np.int8(zero), "steps": np.int64(3), "true": np.array(True),
        "start": np.float32(0), "shape": np.array([4, 3]), "other": np.ones((4, 3), np.float32),
    }  # fmt: skip
    graph = helper.make_graph(
        nodes,
        "graph",
        [tensor("places", [3], TensorProto.INT64)],
        [tensor("given", ["n"]), tensor("moved", ["rows", "n"])],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def answer(made, level="ORT_ENABLE_ALL"):
    onnx.checker.check_model(made)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    session = onnxruntime.InferenceSession(
        made.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"places": PLACES})


TRANSPOSE = helper.make_node("Transpose", ["real"], ["moved"], perm=[1, 0])
RESHAPE = helper.make_node("Reshape", ["real", "shape"], ["moved"])


@pytest.mark.parametrize("move", [TRANSPOSE, RESHAPE], ids=["transposed", "reshaped"])
@pytest.mark.parametrize(("zero", "steps"), [(0, ["Cast", "Mul"]), (3, ["Cast", "Constant", "Sub", "Mul"])])
def test_what_is_moved_and_then_taken_by_a_loop_is_dequantized_in_steps(move, zero, steps):
    made = model(move, zero)
    expected = answer(made, "ORT_DISABLE_ALL")
    dequantize_in_steps(made.graph)
    # Loaded as it was, with optimizations, it would end this process.
    assert [node.op_type for node in made.graph.node] == ["Gather", *steps, move.op_type, "Loop"]
    assert "zero" not in [constant.name for constant in made.graph.initializer]
    for found, wanted in zip(answer(made), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    "made",
    [model(TRANSPOSE, 0, taken_by_loop=False), model(helper.make_node("Neg", ["real"], ["moved"]), 0)],
    ids=["not taken", "computed with"],
)
def test_everything_else_stays(made):
    before = made.SerializeToString()
    dequantize_in_steps(made.graph)
    assert made.SerializeToString() == before
    answer(made)


def test_a_dynamic_file_of_a_table_that_a_loop_reads_is_written_so(tmp_path):
    """As the LSTM of a SavedModel of Keras 2 behind an embedding."""
    float32 = model(TRANSPOSE, 0)
    del float32.graph.node[:2]
    lookup = helper.make_node("Gather", ["weights", "places"], ["real"], name="lookup")
    float32.graph.node.insert(0, lookup)
    table = STORED * np.float32(0.1)
    float32.graph.initializer.append(numpy_helper.from_array(table, "weights"))
    onnx.save(float32, tmp_path / "float32.onnx")
    described = tensors({"places": (3,)}, {"given": (4,), "moved": (4, 3)})
    onnx_format.dynamic(Conversion(tmp_path / "float32.onnx", tmp_path / "dynamic.onnx", described))
    made = onnx.load(tmp_path / "dynamic.onnx")
    assert [node.op_type for node in made.graph.node] == ["Gather", "Cast", "Mul", "Transpose", "Loop"]
    np.testing.assert_allclose(answer(made)[1], table[PLACES].T, atol=np.abs(table).max() / 254 + 1e-6)
