"""ONNX graphs with all that is inside them: the bodies of Loop, If and Scan take names from the graphs around them."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, KeysView, Sequence
from typing import Any

from runtime.bundle.manifest import InputRecord, OutputRecord, TensorSpec
from runtime.errors import ConversionError

BATCH = "batch"

# The value is None as long as an initializer has no new name; every other name has one from where it is made.
_Names = ChainMap[str, str | None]


def bodies(node: Any) -> Iterator[tuple[str, Any]]:
    """The graphs inside a node, each with a name that is unique in this node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.name, attribute.g
        for position, graph in enumerate(attribute.graphs):
            yield f"{attribute.name}_{position}", graph


def graphs(graph: Any) -> Iterator[Any]:
    """This graph and all graphs inside it, each before those inside it."""
    yield graph
    for node in graph.node:
        for _, body in bodies(node):
            yield from graphs(body)


def nodes(graph: Any) -> Iterator[Any]:
    """The nodes of this graph and of all graphs inside it, each before those inside it."""
    for node in graph.node:
        yield from node_and_inner(node)


def node_and_inner(node: Any) -> Iterator[Any]:
    """A node and all nodes of the graphs inside it."""
    yield node
    for _, body in bodies(node):
        yield from nodes(body)


def taken(node: Any) -> KeysView[str]:
    """The names that a node takes from its own graph, in order: its inputs, and what the graphs inside it take."""
    return dict.fromkeys(name for name in (*node.input, *captured(node)) if name).keys()


def captured(node: Any) -> KeysView[str]:
    """The names that the graphs inside a node take from outside, in order, without being given them as inputs."""
    names: dict[str, None] = {}
    for _, body in bodies(node):
        made = {"", *(value.name for value in (*body.input, *body.initializer))}
        for inner in body.node:
            names |= dict.fromkeys(name for name in taken(inner) if name not in made)
            made |= set(inner.output)
        names |= dict.fromkeys(value.name for value in body.output if value.name not in made)
    return names.keys()


def declare(graph: Any, inputs: Sequence[InputRecord], outputs: Sequence[OutputRecord]) -> None:
    """Puts a graph's inputs and outputs in the order of the records and gives them their shapes, the batch a symbol.

    Raises:
        ConversionError: it has others, or one of another dtype.
    """
    for what, ends, records in (("input", graph.input, inputs), ("output", graph.output, outputs)):
        found = {value.name: value for value in ends}
        wanted = {record.name: record.tensor for record in records}
        if len(found) != len(ends) or found.keys() != wanted.keys():
            # Other ways to convert turned the mean and variance of a Normalization layer into inputs of the graph.
            raise ConversionError(
                f"the ONNX graph has the {what}s {', '.join(value.name for value in ends)}; expected "
                f"{', '.join(wanted)} alone"
            )
        for name, tensor in wanted.items():
            _declare_tensor(f"the {what} {name} of the ONNX graph", found[name].type.tensor_type, tensor)
        ordered = [found[name] for name in wanted]
        del ends[:]
        ends.extend(ordered)


def _declare_tensor(what: str, declared: Any, tensor: TensorSpec) -> None:
    from onnx import helper

    dtype = helper.tensor_dtype_to_np_dtype(declared.elem_type).name
    if dtype != tensor.dtype:
        raise ConversionError(f"{what} is {dtype}; expected {tensor.dtype}")
    del declared.shape.dim[:]
    for size in tensor.shape:
        place = declared.shape.dim.add()
        if size is None:
            place.dim_param = BATCH
        else:
            place.dim_value = size


def name_by_position(model: Any) -> None:
    """Names all nodes and inner tensors after their op and position, in all graphs: no name is there twice.

    tf2onnx's own names carry a counter that runs on from model to model, and which of two branches comes first changes
    from run to run: the nodes are put in the order of `order_by_use` before.  The names of the model's inputs and
    outputs stay; what is documented or inferred (doc strings, shapes of inner tensors) goes.
    """
    order_by_use(model.graph)
    public: dict[str, str | None] = {
        value.name: value.name for value in (*model.graph.input, *model.graph.output)
    }
    _name_graph(model.graph, "", ChainMap(public))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH


def _name_graph(graph: Any, place: str, names: _Names) -> None:
    """Renames what one graph and those inside it make; `names` has the new names of what is made around it."""
    mine = names.maps[0]
    for tensor in graph.initializer:
        mine.setdefault(tensor.name, None)
    for position, node in enumerate(graph.node):
        node.name = f"{place}{node.op_type}_{position}"
        node.input[:] = [
            _new_name(name, f"{node.name}.{slot}", names) for slot, name in enumerate(node.input)
        ]
        for inside, body in bodies(node):
            body.name = f"{node.name}/{inside}"
            _put_copies_last(body)
            for value in (*body.input, *body.output):
                for size in value.type.tensor_type.shape.dim:
                    size.ClearField("dim_param")  # one for each unknown size, with tf2onnx's counter
            inner = names.new_child()
            for slot, value in enumerate(body.input):
                inner[value.name] = value.name = f"{body.name}.{slot}"
            _name_graph(body, f"{body.name}/", inner)
        for slot, name in enumerate(node.output):
            if name:
                mine.setdefault(name, f"{node.name}:{slot}")
        node.output[:] = [_new_name(name, name, names) for name in node.output]
        node.ClearField("doc_string")
    for slot, value in enumerate(graph.output):
        value.name = _new_name(value.name, f"{place}output.{slot}", names)
    for tensor in graph.initializer:
        tensor.name = mine[tensor.name] or tensor.name
    kept = sorted(graph.initializer, key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]


def _put_copies_last(body: Any) -> None:
    """Of a value that a body gives twice, give the value first and the copy after it; tf2onnx takes either order."""
    copied = {node.output[0]: node.input[0] for node in body.node if node.op_type == "Identity"}
    place = {value.name: slot for slot, value in enumerate(body.output)}
    for copy, value in copied.items():
        if copy in place and place[copy] < place.get(value, -1):
            body.output[place[copy]].name, body.output[place[value]].name = value, copy


def _new_name(name: str, first_use: str, names: _Names) -> str:
    """The new name of a tensor; an initializer is named after its first use."""
    for level in names.maps:
        if name in level:
            new = level[name]
            if new is None:
                new = level[name] = first_use
            return new
    return name


def drop_repeated(graph: Any) -> None:
    """Removes a node that is there twice in a graph, under the same output, in this graph and in all inside it.

    ONNX Runtime's conversion to float16 casts a constant once for each node that takes it.
    """
    for inner in graphs(graph):
        made: set[str] = set()
        kept = []
        for node in inner.node:
            if not made.intersection(node.output):
                kept.append(node)
            made.update(name for name in node.output if name)
        if len(kept) < len(inner.node):
            del inner.node[:]
            inner.node.extend(kept)


def keep_float32_chains(model: Any) -> None:
    """Removes every cast from float32 to float16 and straight back: between nodes kept in float32 it only rounds.

    A longitude of -119.57 would become -119.56 before it is standardised.
    """
    import onnx

    def casts(kind: int) -> dict[str, str]:
        return {
            node.output[0]: node.input[0]
            for node in nodes(model.graph)
            if node.op_type == "Cast" and node.attribute[0].i == kind
        }

    whole = {
        value.name
        for graph in graphs(onnx.shape_inference.infer_shapes(model).graph)
        for value in (*graph.value_info, *graph.input)
        if value.type.tensor_type.elem_type not in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    }
    down, up = casts(onnx.TensorProto.FLOAT16), casts(onnx.TensorProto.FLOAT)
    down = {name: source for name, source in down.items() if source not in whole}
    same = {name: down[source] for name, source in up.items() if source in down}
    for node in nodes(model.graph):
        node.input[:] = [same.get(name, name) for name in node.input]
    remove_unused(model.graph)


def remove_unused(graph: Any) -> None:
    """Removes the nodes, in this graph and in all inside it, whose outputs nothing takes."""
    while True:
        used = {name for node in nodes(graph) for name in node.input}
        used |= {value.name for inner in graphs(graph) for value in inner.output}
        removed = 0
        for inner in reversed(list(graphs(graph))):  # a graph is copied with what is inside it by then
            kept = [node for node in inner.node if used & set(node.output)]
            removed += len(inner.node) - len(kept)
            del inner.node[:]
            inner.node.extend(kept)
        if not removed:
            return


def order_by_use(graph: Any) -> None:
    """Puts the nodes of this graph and of all inside it in an order that depends on what they take alone.

    It is that of a walk from the outputs, in their order, to what makes them: all that a node takes comes before it, in
    the order in which it takes it.  What no output needs comes last.

    Raises:
        ValueError: nodes wait for each other.
    """
    for node in graph.node:
        for _, body in bodies(node):
            order_by_use(body)
    maker = {name: place for place, node in enumerate(graph.node) for name in node.output if name}
    needs = [[maker[name] for name in taken(node) if name in maker] for node in graph.node]
    ends = [maker[value.name] for value in graph.output if value.name in maker]
    ordered: dict[int, None] = {}
    begun: set[int] = set()
    waiting = [*ends, *range(len(needs))][::-1]
    while waiting:
        place = waiting[-1]
        left = [other for other in needs[place] if other not in ordered]
        if not left:
            ordered[waiting.pop()] = None
        elif begun.intersection(left):
            raise ValueError(_waits([graph.node[place]]))
        else:
            begun.add(place)
            waiting += reversed(left)
    every = list(graph.node)
    del graph.node[:]
    graph.node.extend(every[place] for place in ordered)


def sort(graph: Any) -> None:
    """Puts each node of this graph behind those whose outputs it takes; the others keep their order."""
    made = {value.name for value in (*graph.input, *graph.initializer)}
    waiting, ordered = list(graph.node), []
    while waiting:
        later = []
        for node in waiting:
            if taken(node) <= made:
                ordered.append(node)
                made |= set(node.output)
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise ValueError(_waits(waiting))
        waiting = later
    del graph.node[:]
    graph.node.extend(ordered)


def _waits(nodes: Sequence[Any]) -> str:
    names = ", ".join(node.name for node in nodes[:5])
    return f"the ONNX graph has nodes that wait for each other, or for what no node makes: {names}"
