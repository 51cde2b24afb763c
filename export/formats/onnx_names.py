"""Short names for what quantization adds to an ONNX graph."""

from __future__ import annotations

from itertools import count
from typing import Any

from export.formats import onnx_graph

_QUANTIZES = ("QuantizeLinear", "DequantizeLinear")
# What stands in the names that ONNX Runtime's quantizer gives to what it adds for a tensor.
_ADDED = ("_QuantizeLinear_Output", "_DequantizeLinear_Output", "_quantized", "_scale", "_zero_point")


def shorten(graph: Any) -> None:
    """Numbers the tensors that quantization added instead of naming them, and removes the names of its nodes.

    A tensor's name stands in the file wherever it is taken: of a network of narrow layers they were a tenth of an int8
    file. Names of other tensors and nodes, which people and the diagnosis know them by, stay, as all do that inner
    graphs add.
    """
    constants = {tensor.name for tensor in graph.initializer}
    used = {name for inner in onnx_graph.graphs(graph) for name in _names(inner)}
    unused = (name for name in map(str, count()) if name not in used)
    short: dict[str, str] = {}
    for node in graph.node:
        if node.op_type in _QUANTIZES:
            node.name = ""
            for name in (*node.input, *node.output):
                is_added = node.input[0] in constants or any(added in name for added in _ADDED)
                if name not in short and is_added:
                    short[name] = next(unused)
    for value in (*graph.input, *graph.output):
        short.pop(value.name, None)
    for inner in onnx_graph.graphs(graph):
        for node in inner.node:
            node.input[:] = [short.get(name, name) for name in node.input]
            node.output[:] = [short.get(name, name) for name in node.output]
        for named in (*inner.initializer, *inner.value_info, *inner.output):
            named.name = short.get(named.name, named.name)


def _names(graph: Any) -> set[str]:
    ends = {value.name for value in (*graph.input, *graph.output, *graph.initializer)}
    return ends.union(*([*node.input, *node.output] for node in graph.node))
