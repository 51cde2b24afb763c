"""An ONNX graph as the rules of what stays in float32 see it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any

from export.formats import onnx_graph
from export.formats.onnx_constants import WEIGHTED
from export.quantization.elementwise import Elementwise, function
from export.quantization.nodes import Node


def nodes(model: Any) -> list[Node]:
    """The nodes of all graphs: those of the main one first, then those inside it."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(model).graph
    every = list(onnx_graph.graphs(inferred))
    number = {graph.name: place for place, graph in enumerate(every)}
    kinds = _kinds(every)
    sizes = _sizes(every)
    return [
        _node(node, place, kinds, sizes, tuple(number[body.name] for _, body in onnx_graph.bodies(node)))
        for place, graph in enumerate(every)
        for node in graph.node
    ]


def weights(node: Any, sizes: dict[str, int]) -> int:
    """How many weights a node carries; `sizes` are the numbers of elements of float constants."""
    slot = WEIGHTED.get(node.op_type)
    return 0 if slot is None or len(node.input) <= slot else sizes.get(node.input[slot], 0)


def elementwise(model: Any, kept: Collection[str]) -> tuple[list[Elementwise], set[str]]:
    """The nodes of the main graph that compute element by element, and the tensors that others take or it gives.

    Those of `kept`, by name, are taken for others.
    """
    import onnx

    constants = {
        tensor.name: float(onnx.numpy_helper.to_array(tensor).ravel()[0])
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT and math.prod(tensor.dims) == 1
    }
    done: list[Elementwise] = []
    others = {value.name for value in model.graph.output}
    for node in model.graph.node:
        settings = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
        computed = None if node.name in kept or "" in node.input else function(node.op_type, settings)
        if computed is None:
            others.update(onnx_graph.taken(node))
        else:
            taken = tuple(constants.get(name, name) for name in node.input)
            done.append(Elementwise(taken, node.output[0], computed))
    return done, others


def _node(
    node: Any, place: int, kinds: dict[str, int], sizes: dict[str, int], bodies: tuple[int, ...]
) -> Node:
    import onnx

    real = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)
    whole = (onnx.TensorProto.INT32, onnx.TensorProto.INT64, onnx.TensorProto.UINT8, onnx.TensorProto.INT8)
    return Node(
        key=node.name,
        op=node.op_type,
        inputs=tuple(sorted(onnx_graph.taken(node))),
        outputs=tuple(name for name in node.output if name),
        weights=weights(node, sizes),
        to_integers=node.op_type == "Cast"
        and kinds.get(node.input[0]) in real
        and node.attribute[0].i in whole,
        graph=place,
        bodies=bodies,
    )


def _kinds(every: list[Any]) -> dict[str, int]:
    return {
        value.name: value.type.tensor_type.elem_type
        for graph in every
        for value in (*graph.input, *graph.value_info, *graph.output)
    }


def _sizes(every: list[Any]) -> dict[str, int]:
    return dict(_constants(every))


def _constants(every: list[Any]) -> Iterator[tuple[str, int]]:
    """The name and the number of elements of each float constant."""
    import onnx

    floats = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    for graph in every:
        for tensor in graph.initializer:
            if tensor.data_type in floats:
                yield tensor.name, math.prod(tensor.dims)
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                value = node.attribute[0].t
                if value.data_type in floats:
                    yield node.output[0], math.prod(value.dims)
