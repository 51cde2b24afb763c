"""Ties that are rounded the other way: they move a file whose activations lie on a grid, and no other."""

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from export.checks import drift
from export.checks.answers import one_by_one
from export.checks.ties import moved_by_ties, with_moved_scales
from export.formats import tflite_graph
from export.targets import TARGETS
from runtime.backends.litert import import_engine
from runtime.selftest import parity

RANDOM = np.random.default_rng(4)
TOKENS, WIDTH, OUTPUTS = 32, 64, 8
FEEDS = {"token": np.arange(TOKENS, dtype=np.int32)}
WEIGHTS = RANDOM.integers(-127, 128, (OUTPUTS, WIDTH)).astype(np.int8)
TABLE_SCALE, WEIGHTS_SCALE = np.float32(0.0031), np.float32(0.0007)


def table(reach: int) -> np.ndarray:
    """Rows of an embedding from -reach to reach."""
    rows = RANDOM.integers(-reach, reach + 1, (TOKENS, WIDTH)).astype(np.int8)
    rows[:, :2] = -reach, reach
    return rows


# 255 steps for 170 numbers: those that are odd lie halfway between two; 34 and 210 are like it. 254 have no such place.
WITH_TIES, WITHOUT = [table(reach) for reach in (85, 17, 105) * 4], table(127)


def file(rows: np.ndarray) -> bytes:
    """A .tflite file of an embedding and a dense layer, both of int8 numbers, computed as `tflite-dynamic` is."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.subgraphs = 3, [graph]
    model.buffers = [schema.BufferT()]
    graph.tensors, graph.operators, model.operatorCodes = [], [], []
    kinds = schema.TensorType

    def tensor(name, kind, shape, content=None, scale=None):
        made = schema.TensorT()
        made.name, made.type, made.shape, made.buffer = name, kind, np.array(shape, np.int32), 0
        if content is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(content.tobytes(), np.uint8)
            made.buffer = len(model.buffers)
            model.buffers.append(buffer)
        if scale is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = np.array([scale], np.float32)
            made.quantization.zeroPoint = np.array([0], np.int64)
        graph.tensors.append(made)
        return len(graph.tensors) - 1

    def operator(builtin, inputs, output, options=None, kind=0):
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = 3 if builtin != schema.BuiltinOperator.DEQUANTIZE else 2
        made = schema.OperatorT()
        made.opcodeIndex = len(model.operatorCodes)
        made.inputs, made.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
        made.builtinOptions, made.builtinOptionsType = options, kind
        model.operatorCodes.append(code)
        graph.operators.append(made)

    token = tensor("token", kinds.INT32, [1])
    numbers = tensor("table", kinds.INT8, rows.shape, rows, TABLE_SCALE)
    row = tensor("row", kinds.INT8, [1, WIDTH], None, TABLE_SCALE)
    real = tensor("real", kinds.FLOAT32, [1, WIDTH])
    weights = tensor("weights", kinds.INT8, WEIGHTS.shape, WEIGHTS, WEIGHTS_SCALE)
    value = tensor("value", kinds.FLOAT32, [1, OUTPUTS])
    ops, options = schema.BuiltinOperator, schema.BuiltinOptions
    operator(ops.GATHER, [numbers, token], row, schema.GatherOptionsT(), options.GatherOptions)
    operator(ops.DEQUANTIZE, [row], real)
    dense = schema.FullyConnectedOptionsT()
    operator(ops.FULLY_CONNECTED, [real, weights, -1], value, dense, options.FullyConnectedOptions)
    graph.inputs, graph.outputs = np.array([token], np.int32), np.array([value], np.int32)
    builder = flatbuffers.Builder(1 << 14)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def answers(rows: np.ndarray, rounded) -> np.ndarray:
    """What a kernel computes that rounds activations so; the way to steps is the same in XNNPACK and KleidiAI."""
    found = []
    for row in rows.astype(np.float32) * TABLE_SCALE:
        steps = np.float32(255) / (row.max() - row.min())
        zero = np.rint(-128 - row.min() * steps)
        whole = np.clip(rounded(row * steps) + zero, -128, 127) - zero
        found.append(whole @ WEIGHTS.T.astype(np.float64) / steps * WEIGHTS_SCALE)
    return np.array(found)


def away_from_zero(values: np.ndarray) -> np.ndarray:
    return np.trunc(values + np.copysign(np.float32(0.5), values))


def run(content: bytes):
    interpreter = import_engine()(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    token, value = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def call(feeds):
        interpreter.set_tensor(token, feeds["token"])
        interpreter.invoke()
        return {"value": interpreter.get_tensor(value)}

    return call


def moved(rows: np.ndarray) -> tuple[float, np.ndarray]:
    content = file(rows)
    here = one_by_one(run(content), FEEDS)
    return moved_by_ties(content, run, [(FEEDS, here)])["value"], here["value"]


def limits(spread: float, ties: float):
    return drift.limits(TARGETS["tflite-dynamic"], spread, 0.0, ties)


@pytest.mark.parametrize("number", range(len(WITH_TIES)))
def test_a_kernel_that_rounds_ties_away_from_zero_moves_most_rows_about_as_far_as_was_measured_here(number):
    """And that is more than the table of limits allows to most rows."""
    rows = WITH_TIES[number]
    ties, here = moved(rows)
    spread = float(np.ptp(here))
    assert here == pytest.approx(answers(rows, np.rint), abs=1e-6 * spread)
    _, there = parity.drift(answers(rows, away_from_zero).astype(np.float32), here)
    assert there > 10 * limits(spread, 0.0).usual_abs_error
    assert ties / 2 < there < 2 * ties


def test_a_file_without_ties_is_not_moved():
    ties, here = moved(WITHOUT)
    spread = float(np.ptp(here))
    assert ties < limits(spread, 0.0).usual_abs_error
    assert limits(spread, ties) == limits(spread, 0.0)
    assert here == pytest.approx(answers(WITHOUT, away_from_zero), abs=1e-6 * spread)


def test_the_limit_is_what_was_measured_and_never_more_than_rounding_may_do():
    usual = limits(2.0, 0.0)
    assert (usual.usual_abs_error, usual.max_abs_error) == (2e-5, 4e-2)
    found = limits(2.0, 1.5e-4)
    assert (found.usual_abs_error, found.max_abs_error) == (3e-4, 4e-2)
    assert "rounded to even or away from zero" in found.reason and found.reason != usual.reason
    assert limits(2.0, 0.5).usual_abs_error == 2e-3


def test_equal_scales_move_alike_and_by_one_unit_in_the_last_place():
    before, after = (
        [tensor.quantization.scale[0] for tensor in model.subgraphs[0].tensors if tensor.quantization]
        for model in map(tflite_graph.load, (file(WITHOUT), with_moved_scales(file(WITHOUT), RANDOM)))
    )
    assert len(before) == 3 and before[0] == before[1] and after[0] == after[1]
    for old, new in zip(map(np.float32, before), map(np.float32, after), strict=True):
        assert new in (np.nextafter(old, np.float32(0)), np.nextafter(old, np.float32(1)))
