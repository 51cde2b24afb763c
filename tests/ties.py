"""A layer behind an embedding, both of int8 numbers: its activations lie on a grid, and many are between two steps."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

RANDOM = np.random.default_rng(4)
TOKENS, WIDTH, OUTPUTS = 32, 64, 8
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
