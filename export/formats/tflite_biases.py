"""The biases of the ops of a quantized `.tflite` file: int32, in steps of the input's scale times the weights'."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from export.formats.tflite_graph import (
    builtin_name,
    load,
    name_of,
    pack,
    schema_of_files,
    shortened,
    stored_bytes,
)
from export.formats.tflite_inner import TFLiteFile
from export.quantization.bias_correction import Bias

# By op that has a bias, the place of that among its inputs.
_PLACES = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}
# By fused activation, as the schema numbers them, what it limits values to.
_LIMITS = {0: (-np.inf, np.inf), 1: (0.0, np.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}


def biases(reference: bytes, quantized: bytes) -> list[Bias]:
    """The int32 biases of the main graph, in its order; none of those that ops share.

    Args:
        reference: the float32 file.
        quantized: the int8 file that was made of it.
    """
    file = TFLiteFile(quantized)
    made = {file.stored(name): name for name in TFLiteFile(reference).floats()}
    schema, model = schema_of_files(), load(quantized)
    graph = model.subgraphs[0]
    buffers = Counter(tensor.buffer for inner in model.subgraphs for tensor in inner.tensors)
    takers = Counter(int(index) for op in graph.operators for index in op.inputs)
    found = []
    for op in graph.operators:
        place = _PLACES.get(builtin_name(model.operatorCodes[op.opcodeIndex]))
        result = name_of(graph.tensors[op.outputs[0]])
        limits = _LIMITS.get(getattr(op.builtinOptions, "fusedActivationFunction", 0))
        if place is None or result not in made or limits is None or len(op.inputs) <= place:
            continue
        index = int(op.inputs[place])
        tensor = graph.tensors[index]
        if index < 0 or tensor.type != schema.TensorType.INT32:
            continue
        if takers[index] > 1 or buffers[tensor.buffer] > 1:
            continue
        grid = file.grid(result)
        if grid is None:
            continue
        low, high = max(limits[0], grid.lowest), min(limits[1], grid.highest)
        values = _values(model, tensor)
        scale = np.asarray(tensor.quantization.scale, np.float64)
        steps = np.broadcast_to(scale, values.shape)
        found.append(Bias(name_of(tensor), values, steps, made[result], result, -1, low, high))
    return found


def with_biases(quantized: bytes, values: Mapping[str, np.ndarray]) -> bytes:
    """The file with other biases: int32 [channels] each, by the names that `biases` gave."""
    model = load(quantized)
    for tensor in model.subgraphs[0].tensors:
        if name_of(tensor) in values:
            raw = values[name_of(tensor)].astype("<i4").tobytes()
            model.buffers[tensor.buffer].data = np.frombuffer(raw, np.uint8)
    return shortened(pack(model))


def _values(model: Any, tensor: Any) -> np.ndarray:
    return np.frombuffer(stored_bytes(model, tensor), "<i4")
