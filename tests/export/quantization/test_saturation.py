"""Which ranges end where all that is computed of a tensor is flat, and where that is."""

import math

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.formats import onnx_nodes
from export.quantization.elementwise import Elementwise, function
from export.quantization.saturation import cut


def op(name, output, *inputs, **settings):
    return Elementwise(inputs or ("x",), output, function(name, settings))


def steps(ranges, name, bits=8):
    low, high = ranges[name]
    return (high - low) / (2**bits - 1)


# Ranges that networks have: of what each activation gives, where x is from -12 to 9.
HARD_SWISH = {"x": (-12.0, 9.0), "y": (-0.375, 9.0)}


def test_hard_swish_gives_0_below_minus_3():
    low, high = cut(HARD_SWISH, [op("HARD_SWISH", "y")], {"y"}, 8)["x"]
    assert low == pytest.approx(-3, abs=0.03)
    assert high == 9.0


def test_hard_swish_of_its_parts_as_onnx_has_it():
    parts = [
        op("Add", "shifted", "x", 3.0),
        op("Clip", "clipped", "shifted", 0.0, 6.0),
        op("Mul", "share", "clipped", 1 / 6),
        op("Mul", "y", "x", "share"),
    ]
    whole = cut(HARD_SWISH, [op("HARD_SWISH", "y")], {"y"}, 8)
    inner = {"shifted": (-9.0, 12.0), "clipped": (0.0, 6.0), "share": (0.0, 1.0)}
    assert cut(HARD_SWISH | inner, parts, {"y"}, 8)["x"] == whole["x"]


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("name", ["ELU", "SELU", "SOFTPLUS", "SIGMOID", "TANH", "GELU", "RELU6", "ERF"])
def test_beyond_the_cut_answers_change_by_less_than_half_a_step_and_before_it_by_more_than_a_tenth(
    name, bits
):
    compute = function(name, {})
    x = np.linspace(-30, 9, 200_001)
    y = compute(x)
    ranges = {"x": (-30.0, 9.0), "y": (float(min(y.min(), 0)), float(y.max()))}
    low, high = cut(ranges, [op(name, "y")], {"y"}, bits)["x"]
    assert -30 < low <= 0
    kept = np.abs(compute(np.clip(x, low, high)) - y).max()
    assert kept < 0.5 * steps(ranges, "y", bits)
    narrower = np.abs(compute(np.clip(x, low + 1, high)) - y).max()
    assert narrower > 0.1 * steps(ranges, "y", bits)


def test_both_ends_of_a_gate_are_cut():
    ranges = {"x": (-20.0, 15.0), "y": (0.0, 1.0)}
    low, high = cut(ranges, [op("LOGISTIC", "y")], {"y"}, 8)["x"]
    assert low == pytest.approx(-math.log(16 * 255), abs=0.1)
    assert high == pytest.approx(math.log(16 * 255), abs=0.1)


def test_swish_falls_and_rises_again_and_is_cut_where_it_is_nearly_zero():
    ranges = {"x": (-20.0, 15.0), "gate": (0.0, 1.0), "y": (-0.28, 15.0)}
    low, high = cut(ranges, [op("SIGMOID", "gate"), op("MUL", "y", "x", "gate")], {"y"}, 8)["x"]
    assert -low * math.exp(low) == pytest.approx(steps(ranges, "y") / 16, rel=0.1)
    assert high == 15.0


@pytest.mark.parametrize(
    ("ops", "others"),
    [
        ([op("HARD_SWISH", "y")], {"y", "x"}),  # a layer takes x as it is
        ([op("HARD_SWISH", "y"), op("ADD", "sum", "x", "other")], {"y", "sum"}),  # a shortcut does
        ([op("LEAKY_RELU", "y", alpha=0.1)], {"y"}),  # nowhere flat
        ([op("LOGISTIC", "unknown")], {"unknown"}),  # has no range, so that nothing about it may change
    ],
)
def test_what_is_not_flat_keeps_its_range(ops, others):
    ranges = HARD_SWISH | {"other": (-1.0, 1.0), "sum": (-13.0, 10.0)}
    assert cut(ranges, ops, others, 8) == ranges


def test_what_a_comparison_tells_apart_stays_apart():
    ops = [op("HARD_SWISH", "y"), op("GREATER", "far", "x", -5.0)]
    assert cut(HARD_SWISH, ops, {"y", "far"}, 8)["x"] == (pytest.approx(-5, abs=0.01), 9.0)


def test_a_range_is_never_cut_to_nothing_and_a_little_is_not_cut():
    dead = {"x": (-5.0, -1.0), "y": (0.0, 0.0)}
    assert cut(dead, [op("RELU", "y")], {"y"}, 8) == dead
    little = {"x": (-3.01, 9.0), "y": (-0.375, 9.0)}
    assert cut(little, [op("HARD_SWISH", "y")], {"y"}, 8) == little


def test_selu_as_tensorflow_writes_it():
    parts = [
        op("GREATER", "positive", "x", 0.0),
        op("MUL", "scaled", "x", 1.0507),
        op("EXP", "exp", "x"),
        op("SUB", "less", "exp", 1.0),
        op("MUL", "curved", "less", 1.7581),
        op("SELECT_V2", "y", "positive", "scaled", "curved"),
    ]
    ranges = {"x": (-25.8, 21.1), "y": (-1.758, 22.2)}
    whole = cut(ranges, [op("SELU", "y")], {"y"}, 8)["x"]
    assert cut(ranges, parts, {"y"}, 8)["x"] == whole
    assert -6 < whole[0] < -5


def test_only_what_an_onnx_graph_computes_in_few_bits_counts():
    nodes = [
        helper.make_node("Gemm", ["image", "w"], ["a"], name="dense"),
        helper.make_node("Elu", ["a"], ["b"], name="elu", alpha=2.0),
        helper.make_node("Add", ["b", "three"], ["c"], name="add"),
        helper.make_node("Gemm", ["c", "w"], ["d"], name="last"),
        helper.make_node("Sigmoid", ["d"], ["out"], name="gate"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 2])],
        [
            numpy_helper.from_array(np.eye(2, dtype=np.float32), "w"),
            numpy_helper.from_array(np.float32([3]), "three"),
        ],
    )
    found, others = onnx_nodes.elementwise(helper.make_model(graph), kept={"gate"})
    assert [(each.inputs, each.output) for each in found] == [(("a",), "b"), (("b", 3.0), "c")]
    assert found[0].function(np.array([-50.0])) == pytest.approx(-2)
    assert others == {"image", "w", "c", "d", "out"}
