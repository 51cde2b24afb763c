"""Weights of a `.tflite` file that are stored in fewer bits and turned into float32 before they are used.

The LiteRT quantizer does so for a few ops; this is for the others. Engines turn a constant into float32 once, when they
are first called.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import numpy as np

from export.formats import tflite_graph
from export.formats.tflite_nodes import WEIGHTED

Stored = Literal["FLOAT16", "INT8"]


def with_stored_weights(path: Path, outputs: Collection[str], stored: Stored) -> bytes:
    """The float32 file with the weights of the operators that make these outputs stored otherwise."""
    if not outputs:
        return path.read_bytes()
    schema, model = tflite_graph.schema_of_files(), tflite_graph.load(path.read_bytes())
    code = _code(model, schema)
    for graph in model.subgraphs:
        done: dict[int, int] = {}
        added = []
        for op in graph.operators:
            if graph.tensors[op.outputs[0]].name.decode() in outputs:
                place = WEIGHTED[tflite_graph.builtin_name(model.operatorCodes[op.opcodeIndex])]
                source = int(op.inputs[place])
                if source not in done:
                    done[source] = _float_copy(model, graph, source, stored, schema)
                    added.append(_operator(code, source, done[source], schema))
                op.inputs = np.array(
                    [done[source] if slot == place else index for slot, index in enumerate(op.inputs)],
                    np.int32,
                )
        graph.operators = added + list(graph.operators)
    return tflite_graph.pack(model)


def _code(model: Any, schema: Any) -> int:
    """The number of the operation DEQUANTIZE in the file, where it is put if it is not there."""
    wanted = schema.BuiltinOperator.DEQUANTIZE
    for number, code in enumerate(model.operatorCodes):
        if tflite_graph.builtin_number(code) == wanted:
            code.version = max(code.version, 3)
            return number
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = wanted
    code.version = 3  # the first that takes float16
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _float_copy(model: Any, graph: Any, source: int, stored: Stored, schema: Any) -> int:
    """Stores a constant otherwise and adds a tensor for its float32 values; the number of that tensor."""
    tensor = graph.tensors[source]
    floats = np.frombuffer(tflite_graph.stored_bytes(model, tensor), np.float32)
    result = schema.TensorT()
    result.name = tensor.name + b"_float"
    result.shape, result.type, result.buffer = tensor.shape, schema.TensorType.FLOAT32, 0
    graph.tensors.append(result)
    if stored == "FLOAT16":
        made = floats.astype(np.float16)
    else:
        scale = float(np.abs(floats).max(initial=0)) / 127 or 1.0
        made = np.clip(np.rint(floats / scale), -127, 127).astype(np.int8)
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = np.array([scale], np.float32)
        tensor.quantization.zeroPoint = np.array([0], np.int64)
    if sum(other.buffer == tensor.buffer for inner in model.subgraphs for other in inner.tensors) > 1:
        model.buffers.append(schema.BufferT())
        tensor.buffer = len(model.buffers) - 1
    model.buffers[tensor.buffer].data = np.frombuffer(made.tobytes(), np.uint8)
    tensor.type = getattr(schema.TensorType, stored)
    return len(graph.tensors) - 1


def _operator(code: int, source: int, result: int, schema: Any) -> Any:
    op = schema.OperatorT()
    op.opcodeIndex = code
    op.inputs, op.outputs = np.array([source], np.int32), np.array([result], np.int32)
    return op
