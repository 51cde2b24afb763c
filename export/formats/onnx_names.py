"""Short names for what quantization adds to an ONNX graph."""

from __future__ import annotations

from typing import Any

from export.formats import onnx_graph

_QUANTIZES = ("QuantizeLinear", "DequantizeLinear")
# How ONNX Runtime's quantizer names what it adds for a tensor, the longest ending first.
_ENDINGS = (
    ("_DequantizeLinear_Output", ".float"),
    ("_QuantizeLinear_Output", ".int8"),
    ("_quantized_zero_point", ".zero"),
    ("_quantized_scale", ".scale"),
    ("_zero_point", ".zero"),
    ("_quantized", ".int8"),
    ("_scale", ".scale"),
)


def shorten(graph: Any) -> None:
    """Shortens the names of the tensors that quantization added, and removes those of its nodes, in this graph alone.

    A tensor's name stands in the file wherever it is taken: of a network of narrow layers they were a tenth of an int8
    file. Names of other tensors and nodes, which people and the diagnosis know them by, stay.
    """
    used = {name for inner in onnx_graph.graphs(graph) for name in _names(inner)}
    short: dict[str, str] = {}
    for node in graph.node:
        if node.op_type in _QUANTIZES:
            node.name = ""
            for name in (*node.input, *node.output):
                new = _short(name)
                if name not in short and new not in used:
                    used.add(new)
                    short[name] = new
    for value in (*graph.input, *graph.output):
        short.pop(value.name, None)
    for inner in onnx_graph.graphs(graph):
        for node in inner.node:
            node.input[:] = [short.get(name, name) for name in node.input]
            node.output[:] = [short.get(name, name) for name in node.output]
        for named in (*inner.initializer, *inner.value_info, *inner.output):
            named.name = short.get(named.name, named.name)


def _short(name: str) -> str:
    """The short name of a tensor, or its own if quantization did not add it."""
    for ending, new in _ENDINGS:
        if ending in name:
            base, _, number = name.rpartition(ending)
            return f"{base}{new}{number}"
    return name


def _names(graph: Any) -> set[str]:
    ends = {value.name for value in (*graph.input, *graph.output, *graph.initializer)}
    return ends.union(*([*node.input, *node.output] for node in graph.node))
