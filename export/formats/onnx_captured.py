"""What the bodies of loops take from the graph around them, kept out of ONNX Runtime's way."""

from __future__ import annotations

from typing import Any

import numpy as np

from export.formats import onnx_constants, onnx_graph

# Ops that give on the numbers they take. ONNX Runtime moves quantization across some of them.
_MOVES = (
    "Expand", "Flatten", "Identity", "MaxPool", "Reshape", "ReverseSequence", "Slice", "Squeeze", "Transpose",
    "Unsqueeze",
)  # fmt: skip


def dequantize_in_steps(graph: Any) -> None:
    """Writes each DequantizeLinear whose numbers are moved and then taken by the body of a loop as simpler ops.

    They are a Cast, a Sub where the zero point is not 0, and a Mul: the same numbers.  ONNX Runtime (1.31) moves a
    DequantizeLinear behind a Transpose, a Reshape or the like, and takes the loop's node for one that names what its
    body takes; it names nothing, and the process ends with an assertion while the file is loaded.

    The graph and those inside it are sorted.
    """
    for inner in onnx_graph.graphs(graph):
        moved: set[str] = set()
        captured = {name for node in inner.node for name in onnx_graph.captured(node)}
        for node in reversed(inner.node):
            if node.op_type in _MOVES and (captured | moved).intersection(node.output):
                moved.add(node.input[0])
        stored = {tensor.name: tensor for tensor in (*graph.initializer, *inner.initializer)}
        kept = []
        for node in inner.node:
            kept += _in_steps(node, stored) if moved.intersection(node.output) else [node]
        if len(kept) > len(inner.node):
            del inner.node[:]
            inner.node.extend(kept)
            onnx_constants.forget_unused(graph)


def _in_steps(node: Any, stored: dict[str, Any]) -> list[Any]:
    """The ops that do what a DequantizeLinear with one scale does; any other node as it is."""
    import onnx
    from onnx import helper

    scale, zero = [*node.input[1:], "", ""][:2]
    known = scale in stored and not stored[scale].dims and (not zero or zero in stored)
    if node.op_type != "DequantizeLinear" or not known:
        return [node]
    offset = np.float32(onnx.numpy_helper.to_array(stored[zero]) if zero else 0)
    last = f"{node.output[0]}.float"
    steps = [
        helper.make_node("Cast", [node.input[0]], [last], to=onnx.TensorProto.FLOAT, name=f"{node.name}.Cast")
    ]
    if offset:
        made = onnx.numpy_helper.from_array(offset, f"{last}.zero")
        centred = f"{node.output[0]}.centred"
        constant = helper.make_node("Constant", [], [made.name], value=made, name=f"{node.name}.Constant")
        steps += [constant, helper.make_node("Sub", [last, made.name], [centred], name=f"{node.name}.Sub")]
        last = centred
    return [*steps, helper.make_node("Mul", [last, scale], [node.output[0]], name=f"{node.name}.Mul")]
