"""The layers of a float32 `.onnx` file whose weights can be changed, and the file with others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.formats import onnx_graph
from export.formats.onnx_constants import WEIGHTED
from export.quantization.layers import Layer, Window


def layers(path: Path) -> list[Layer]:
    """The dense layers and convolutions of the main graph, in its order; none whose weights are shared."""
    import onnx

    graph = onnx.load(path).graph
    takers = Counter(name for node in onnx_graph.nodes(graph) for name in node.input)
    stored = {
        tensor.name: onnx.numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if takers[tensor.name] == 1 and tensor.data_type == onnx.TensorProto.FLOAT
    }
    every = (_layer(node, stored) for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul"))
    return [layer for layer in every if layer is not None]


def _layer(node: Any, stored: Mapping[str, np.ndarray]) -> Layer | None:
    import onnx

    said = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    weights = node.input[WEIGHTED[node.op_type]]
    bias = node.input[2] if len(node.input) > 2 else None
    kernel = stored.get(weights)
    if kernel is None or kernel.ndim != (4 if node.op_type == "Conv" else 2):
        return None
    if said.get("alpha", 1.0) != 1.0 or said.get("beta", 1.0) != 1.0 or said.get("transA", 0):
        return None
    axes = tuple(range(kernel.ndim)) if node.op_type == "Conv" or said.get("transB", 0) else (1, 0)
    kernel = kernel.transpose(axes)
    offset = None if bias is None else stored.get(bias)
    if offset is not None and offset.shape != (len(kernel),):
        offset = None
    window = None
    if node.op_type == "Conv":
        if said.get("auto_pad", b"NOTSET") != b"NOTSET":
            return None
        top, left, bottom, right = said.get("pads", (0, 0, 0, 0))
        strides, dilations = (tuple(said.get(name, (1, 1))) for name in ("strides", "dilations"))
        window = Window(strides, dilations, (top, left), (bottom, right))
    return Layer(
        node.name, node.input[0], weights, bias, kernel, axes, offset, window, int(said.get("group", 1))
    )


def with_constants(path: Path, values: Mapping[str, np.ndarray]) -> bytes:
    """The file with other values, float32 in the stored shape, of the named constants of the main graph."""
    import onnx

    model = onnx.load(path)
    for tensor in model.graph.initializer:
        if tensor.name in values:
            array = np.ascontiguousarray(values[tensor.name], np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    content: bytes = model.SerializeToString(deterministic=True)
    return content
