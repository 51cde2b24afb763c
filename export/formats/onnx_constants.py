"""Constants of ONNX graphs: those of loops moved to where they are used, and weights stored in 8 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from export.formats import onnx_graph


def move_into_loops(graph: Any) -> None:
    """Gives each Loop the constants that it carries from step to step unchanged as constants of its own body.

    tf2onnx hands a loop's weights from step to step.  No tool that quantizes takes them for weights there, and an
    engine cannot prepare them before the first step.
    """
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for _, body in onnx_graph.bodies(node):
            if node.op_type == "Loop":
                _move(node, body, stored, graph)
            move_into_loops(body)
    onnx_graph.remove_unused(graph)
    used = {name for node in graph.node for name in onnx_graph.taken(node)}
    used |= {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _move(loop: Any, body: Any, stored: dict[str, Any], graph: Any) -> None:
    """Input i of a loop is input i of its body, output i - 1 of the body, and output i - 2 of the loop."""
    for place in reversed(range(2, len(loop.input))):
        constant = stored.get(loop.input[place])
        if constant is None or _source(body, body.output[place - 1].name) != body.input[place].name:
            continue
        inner = body.input[place].name
        tensor = body.initializer.add()
        tensor.CopyFrom(constant)
        tensor.name = inner
        _replace(graph, loop.output[place - 2], constant.name)
        del loop.input[place], body.input[place], body.output[place - 1], loop.output[place - 2]


def _source(body: Any, name: str) -> str:
    """The tensor of which another is a copy, or itself."""
    made_by = {node.output[0]: node for node in body.node if node.op_type == "Identity"}
    while name in made_by:
        name = made_by[name].input[0]
    return name


def _replace(graph: Any, old: str, new: str) -> None:
    for node in onnx_graph.nodes(graph) if old else ():
        node.input[:] = [new if name == old else name for name in node.input]


def weights_in_8_bits(model: Any, wanted: Callable[[Any], bool]) -> list[str]:
    """Stores the float32 weights of the wanted nodes, in all graphs, as int8 with a scale for each channel.

    They are turned into float32 again once in a call, in the main graph; a table of embeddings is looked up in int8,
    and what is found turned into float32.

    Returns:
        The names of the nodes whose weights are stored so.
    """
    done, scope = [], {tensor.name: tensor for tensor in model.graph.initializer}
    for graph, node in list(_with_graphs(model.graph)):
        inner = {tensor.name: tensor for tensor in graph.initializer}
        slot = WEIGHTED.get(node.op_type)
        if slot is None or not wanted(node):
            continue
        tensor = inner.get(node.input[slot]) or scope.get(node.input[slot])
        if tensor is None or tensor.data_type != 1 or len(tensor.dims) < 1:
            continue
        done.append(node.name)
        axis = None if node.op_type == "Gather" else _channel_axis(node, len(tensor.dims))
        (_look_up if node.op_type == "Gather" else _multiply)(model.graph, graph, node, slot, tensor, axis)
    forget_unused(model.graph)
    return done


# By op that carries weights, the place of those among its inputs.
WEIGHTED = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1, "Gather": 0}


def _channel_axis(node: Any, rank: int) -> int:
    """The axis of the weights along which each output has its own."""
    if node.op_type in ("Conv", "ConvTranspose"):
        return 0 if node.op_type == "Conv" else 1
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return rank - 2 if transposed else rank - 1


def _multiply(main: Any, graph: Any, node: Any, slot: int, tensor: Any, axis: int | None) -> None:
    stored = _quantized(main, tensor, axis)
    name = f"{tensor.name}.float"
    if not any(name in made.output for made in main.node):
        main.node.insert(0, _dequantize(stored, name, axis, f"{tensor.name}/DequantizeLinear"))
    node.input[slot] = name


def _look_up(main: Any, graph: Any, node: Any, slot: int, tensor: Any, axis: int | None) -> None:
    stored = _quantized(main, tensor, axis)
    node.input[slot] = stored[0]
    found, node.output[0] = node.output[0], f"{node.output[0]}.stored"
    place = next(number for number, other in enumerate(graph.node) if other.name == node.name)
    behind = _dequantize((node.output[0], *stored[1:]), found, None, f"{node.name}/DequantizeLinear")
    graph.node.insert(place + 1, behind)


def _dequantize(stored: tuple[str, ...], output: str, axis: int | None, name: str) -> Any:
    import onnx

    settings = {} if axis is None else {"axis": axis}
    return onnx.helper.make_node("DequantizeLinear", list(stored), [output], name=name, **settings)


def _quantized(main: Any, tensor: Any, axis: int | None) -> tuple[str, str, str]:
    """The names of the integers, the scales and the zero points, which are now constants of the main graph."""
    import onnx

    names = (f"{tensor.name}.stored", f"{tensor.name}.scale", f"{tensor.name}.zero")
    if any(other.name == names[0] for other in main.initializer):
        return names
    values = onnx.numpy_helper.to_array(tensor)
    others = None if axis is None else tuple(place for place in range(values.ndim) if place != axis)
    largest = np.abs(values).max(axis=others)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    shape = [1] * values.ndim
    if axis is not None:
        shape[axis] = -1
    steps = np.clip(np.rint(values / scale.reshape(shape)), -127, 127).astype(np.int8)
    for name, array in zip(names, (steps, scale, np.zeros(scale.shape, np.int8)), strict=True):
        main.initializer.append(onnx.numpy_helper.from_array(np.asarray(array), name))
    return names


def _with_graphs(graph: Any) -> Iterator[tuple[Any, Any]]:
    for inner in onnx_graph.graphs(graph):
        for node in inner.node:
            yield inner, node


def shorten_zero_points(model: Any) -> None:
    """Stores int8 zero points in a byte each, and leaves out those of int32 constants, which are all 0.

    ONNX writes a negative number of few bits in ten bytes, unless it is stored raw.  Those of biases are four bytes for
    each channel; a DequantizeLinear without one has 0, and ONNX Runtime 1.16 to 1.31 fuse the same nodes without them.
    Those of int8 weights must stay: without them, versions up to 1.23 refuse a dense layer at its first call, and 1.31
    with exact kernels a convolution.
    """
    import onnx

    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8 and not tensor.raw_data:
            tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor), tensor.name))
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and len(node.input) == 3:
            taken, zero = stored.get(node.input[0]), stored.get(node.input[2])
            if taken is not None and taken.data_type == onnx.TensorProto.INT32 and zero is not None:
                assert not onnx.numpy_helper.to_array(zero).any(), f"{taken.name} has a zero point"
                del node.input[2]
    forget_unused(model.graph)


def forget_unused(graph: Any) -> None:
    """Drops constants that no node takes, in all graphs."""
    used = {name for node in onnx_graph.nodes(graph) for name in node.input}
    used |= {value.name for inner in onnx_graph.graphs(graph) for value in inner.output}
    for inner in onnx_graph.graphs(graph):
        kept = [tensor for tensor in inner.initializer if tensor.name in used]
        del inner.initializer[:]
        inner.initializer.extend(kept)


MOST_COPIES = 4  # of the same weights, as of a layer that is called for each of a few inputs


def give_each_its_own(model: Any) -> set[str]:
    """Copies the weights that a few nodes of a graph share, so that each has its own.

    ONNX Runtime 1.31 transposes a matrix once for each node that wants it so when it quantizes it.  And with exact
    kernels on x86-64 it does not load a file whose int8 weights are shared: for each node it makes uint8 ones of them,
    under one name.

    Returns:
        The names of the nodes that are too many for copies, as the steps of a loop that is written out.
    """
    left: set[str] = set()
    for graph in onnx_graph.graphs(model.graph):
        users: dict[str, list[Any]] = {}
        for node in graph.node:
            if node.op_type in ("Conv", "Gemm", "MatMul"):
                users.setdefault(node.input[WEIGHTED[node.op_type]], []).append(node)
        for tensor in list(graph.initializer):
            sharing = users.get(tensor.name, [])
            if len(sharing) > MOST_COPIES:
                left |= {node.name for node in sharing}
                continue
            for number, node in enumerate(sharing[1:], 2):
                copy = graph.initializer.add()
                copy.CopyFrom(tensor)
                copy.name = f"{tensor.name}.{number}"
                node.input[1] = copy.name
    return left


def give_each_its_own_dequantized(model: Any) -> None:
    """The same after quantization, for constants that are no weights, as the factors of normalisations.

    Each node gets its own 8-bit constant, and its own node that dequantizes it.  With exact kernels, ONNX Runtime 1.31
    refuses a file in which nodes share one that holds a number beyond ±64: "Attempt to replace the existing tensor".
    """
    graph = model.graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    takers: dict[str, list[tuple[Any, int]]] = {}
    for node in graph.node:
        for slot, name in enumerate(node.input):
            takers.setdefault(name, []).append((node, slot))
    for dequantize in [node for node in graph.node if node.op_type == "DequantizeLinear"]:
        if dequantize.input[0] not in stored:
            continue
        for number, (node, slot) in enumerate(takers.get(dequantize.output[0], [])[1:], 2):
            own = graph.node.add()
            own.CopyFrom(dequantize)
            own.name, own.output[0] = f"{dequantize.name}.{number}", f"{dequantize.output[0]}.{number}"
            for place, name in enumerate(dequantize.input):
                copy = graph.initializer.add()
                copy.CopyFrom(stored[name])
                own.input[place] = copy.name = f"{name}.{number}"
            node.input[slot] = own.output[0]
