"""The biases of the ops of a quantized `.onnx` file: int32, in steps of the input's scale times the weights'."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from export.quantization.bias_correction import Bias

# By op that has a bias, the axis of the channels in what it makes; the bias is its third input.
_AXES = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1}


def biases(reference: bytes, quantized: bytes) -> list[Bias]:
    """The int32 biases of the main graph, in its order; none of those that ops share.

    Args:
        reference: the float32 file.
        quantized: the int8 file that was made of it.
    """
    import onnx

    # By name, since where a Relu was removed its node makes what the Relu made.
    known = {node.name: node.output[0] for node in onnx.load_from_string(reference).graph.node}
    graph = onnx.load_from_string(quantized).graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    takers = Counter(name for node in graph.node for name in node.input)
    floats = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}
    found = []
    for node in graph.node:
        axis = _AXES.get(node.op_type)
        made_by = floats.get(node.input[2]) if axis is not None and len(node.input) > 2 else None
        if axis is None or made_by is None or node.name not in known:
            continue
        name, scale = made_by.input[:2]
        tensor = stored.get(name)
        if tensor is None or tensor.data_type != onnx.TensorProto.INT32:
            continue
        if takers[name] > 1 or takers[node.input[2]] > 1:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        steps = onnx.numpy_helper.to_array(stored[scale]).astype(np.float64)
        found.append(
            Bias(name, values, np.broadcast_to(steps, values.shape), known[node.name], node.output[0], axis)
        )
    return found


def with_biases(quantized: bytes, values: Mapping[str, np.ndarray]) -> bytes:
    """The file with other biases: int32 [channels] each, by the names that `biases` gave."""
    import onnx

    model = onnx.load_from_string(quantized)
    for tensor in model.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(onnx.numpy_helper.from_array(values[tensor.name].astype(np.int32), tensor.name))
    content: bytes = model.SerializeToString(deterministic=True)
    return content
