"""The loss of each layer, on files of two dense layers that are small enough to reckon with."""

import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.diagnosis.layer_calls import INPUT
from export.diagnosis.layer_map import MappedCall
from export.diagnosis.loss import losses, ranking, sqnr_db
from export.diagnosis.match import Match
from export.formats.inner_file import Step, needed
from export.formats.onnx_inner import OnnxFile

RANDOM = np.random.default_rng(2)
FIRST, SECOND = (RANDOM.normal(size=shape).astype(np.float32) for shape in ((4, 6), (6, 3)))
FEEDS = {"x": RANDOM.normal(size=(50, 4)).astype(np.float32)}
HIDDEN = np.maximum(FEEDS["x"] @ FIRST, 0)
CALLS = [
    MappedCall("first", "Dense", 24, (INPUT,), Match("hidden", "equal")),
    MappedCall("dropout", "Dropout", 0, (0,), Match("hidden", "equal")),
    MappedCall("second", "Dense", 18, (1,), Match("y", "equal")),
]


def model(quantized=False, scale=None, weights=SECOND):
    """x → MatMul → Relu → hidden → MatMul → y; quantized: hidden in int8 on a grid that begins at 0."""
    scale = float(HIDDEN.max()) / 255 if scale is None else scale
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"], "a"),
        helper.make_node("Relu", ["product"], ["hidden"], "b"),
        helper.make_node("MatMul", ["read" if quantized else "hidden", "v"], ["y"], "e"),
    ]
    constants = {"w": FIRST, "v": weights}
    if quantized:
        nodes[2:2] = [
            helper.make_node("QuantizeLinear", ["hidden", "s", "z"], ["written"], "c"),
            helper.make_node("DequantizeLinear", ["written", "s", "z"], ["read"], "d"),
        ]
        constants |= {"s": np.array(scale, np.float32), "z": np.array(-128, np.int8)}
    graph = helper.make_graph(
        nodes,
        "two",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return OnnxFile(made.SerializeToString())


def diagnosed(variant):
    return {row.name: row for row in losses(CALLS, model(), variant, FEEDS)}


def test_the_error_of_a_layer_is_laid_to_it_alone():
    rows = diagnosed(model(quantized=True))
    assert list(rows) == ["x", "first", "dropout", "second"]
    first, second = rows["first"], rows["second"]
    assert first.share == pytest.approx(1) and second.share == 0
    assert (
        second.own_sqnr_db == math.inf and 20 < second.sqnr_db < 60
    )  # what it hands on is no error of its own
    assert first.own_sqnr_db == first.sqnr_db == pytest.approx(uniform(HIDDEN, HIDDEN.max() / 255), abs=1.5)
    assert first.used == pytest.approx(1, abs=0.01) and first.clipped == 0
    assert first.tensor == "written" and first.node == "b" and first.grid.zero_point == -128
    assert rows["dropout"].into == "first" and first.together == ("dropout",)
    assert (rows["x"].kind, rows["x"].share, rows["x"].own_sqnr_db) == ("Input", 0, math.inf)


def uniform(values, step):
    """The SQNR of rounding to a grid: an error spread evenly over a step has the power step²/12."""
    above = values > 0  # zero lies on the grid
    return 10 * math.log10(np.square(values).sum() / (above.sum() * step**2 / 12))


def test_a_range_that_is_cut_and_one_that_is_too_wide():
    cut = diagnosed(model(quantized=True, scale=float(HIDDEN.max()) / 255 / 4))["first"]
    outside = float(np.mean(HIDDEN.max() / 4 < HIDDEN))
    assert cut.clipped == pytest.approx(outside, abs=0.02) and cut.used == pytest.approx(1)
    wide = diagnosed(model(quantized=True, scale=float(HIDDEN.max()) / 255 * 4))["first"]
    assert wide.used == pytest.approx(0.25, abs=0.01) and wide.clipped == 0
    assert cut.own_sqnr_db < wide.own_sqnr_db


def test_the_layer_at_fault_is_first_although_the_error_before_it_is_seen_behind_it():
    weights = SECOND.copy()
    weights[:, 1] = -weights[:, 1]
    rows = diagnosed(model(quantized=True, weights=weights))
    assert [row.name for row in ranking(list(rows.values()))][:2] == ["second", "first"]
    assert rows["second"].share > 0.9


def test_no_loss_at_all():
    rows = diagnosed(model())
    assert all(row.share == 0 and row.own_sqnr_db == math.inf for row in rows.values() if row.into is None)


def test_values_that_are_no_numbers_are_the_worst():
    assert sqnr_db(np.array([1.0, np.nan]), np.ones(2)) == -math.inf
    assert sqnr_db(np.array([1.0, 1.1]), np.ones(2)) == pytest.approx(10 * math.log10(2 / 0.01))
    endless = SECOND.copy()
    endless[0, 0] = np.inf
    rows = diagnosed(model(quantized=True, weights=endless))
    assert rows["second"].share == 1 and ranking(list(rows.values()))[0].name == "second"


def test_the_steps_behind_a_tensor_end_where_one_stops():
    steps = [Step("A", ("x",), ("a",)), Step("B", ("a",), ("b",)), Step("C", ("a", "b"), ("c",))]
    assert needed(steps, ["c"], ["x"]) == ([0, 1, 2], ["x"])
    assert needed(steps, ["c"], ["b", "c"]) == ([0, 2], ["b", "x"])
    assert needed(steps, ["c"], ["a", "b"]) == ([2], ["a", "b"])
