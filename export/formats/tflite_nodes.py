"""A `.tflite` file as the rules of what stays in float32 see it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from export.formats.format import NOTHING_TO_QUANTIZE, NothingToQuantize, Ranges
from export.formats.tflite_graph import (
    Graph,
    Operator,
    constants,
    count,
    name_of,
    operators,
    type_name,
)
from export.quantization.elementwise import Elementwise, Function, function
from export.quantization.nodes import Node

# By op that carries weights, the place of those among its inputs.
WEIGHTED = {
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 1,
    "FULLY_CONNECTED": 1,
    "TRANSPOSE_CONV": 1,
    "CONV_3D": 1,
    "CONV_3D_TRANSPOSE": 1,
    "BATCH_MATMUL": 1,
    "GATHER": 0,  # a table of embeddings
}


def nodes(graphs: Sequence[Graph]) -> list[Node]:
    """The operators of all graphs; a node's key is what the LiteRT quantizer calls an operator: its outputs' names."""
    return [
        _node(operator, number, graph) for number, graph in enumerate(graphs) for operator in graph.operators
    ]


def outputs(graphs: Sequence[Graph]) -> set[str]:
    """The names of what the graphs give."""
    return {name_of(tensor) for graph in graphs for tensor in graph.outputs}


def floats(graphs: Sequence[Graph]) -> set[str]:
    """The names of the float32 tensors that have a range.

    These are the results of operators and the inputs of inner graphs that some operator takes.  A result of a loop that
    nothing takes is left out: it holds whatever lay in the memory.
    """
    found = set()
    for number, graph in enumerate(graphs):
        made = [tensor for operator in graph.operators for tensor in operator.outputs]
        given = graph.inputs if number else []
        taken = {name_of(tensor) for operator in graph.operators for tensor in operator.inputs}
        taken |= {name_of(tensor) for tensor in graph.outputs if tensor in made}
        found |= {
            name_of(tensor)
            for tensor in (*made, *given)
            if type_name(tensor) == "FLOAT32" and name_of(tensor) in taken
        }
    return found


def weights(operator: Operator, constants: frozenset[str]) -> int:
    """How many weights an operator carries: a product of two activations and a gather of activations carry none."""
    place = WEIGHTED.get(operator.name)
    if place is None or len(operator.inputs) <= place:
        return 0
    tensor = operator.inputs[place]
    is_table = operator.name != "GATHER" or type_name(tensor) in ("FLOAT32", "FLOAT16", "INT8")
    return count(tensor) if is_table and name_of(tensor) in constants else 0


def _node(operator: Operator, number: int, graph: Graph) -> Node:
    kinds = [[type_name(tensor) for tensor in ends] for ends in (operator.inputs, operator.outputs)]
    return Node(
        key=";".join(name_of(tensor) for tensor in operator.outputs),
        op=operator.name,
        inputs=tuple(name_of(tensor) for tensor in operator.inputs),
        outputs=tuple(name_of(tensor) for tensor in operator.outputs),
        weights=weights(operator, graph.constants),
        to_integers=operator.name == "CAST"
        and kinds[0][0] == "FLOAT32"
        and kinds[1][0].startswith(("INT", "UINT")),
        graph=number,
        bodies=operator.bodies,
        dimensions=max(
            (
                len(tensor.shape)
                for tensor in (*operator.inputs, *operator.outputs)
                if tensor.shape is not None
            ),
            default=0,
        ),
    )


def elementwise(found: Sequence[Graph], kept: Collection[str]) -> tuple[list[Elementwise], set[str]]:
    """The operators that compute element by element, and the tensors that others take or a graph gives.

    Those of `kept`, by key, are taken for others.
    """
    done: list[Elementwise] = []
    others = outputs(found)
    every = ((graph, operator) for graph in found for operator in graph.operators)
    for (graph, operator), node in zip(every, nodes(found), strict=True):
        computed = None if node.key in kept else of_elements(operator)
        if computed is None:
            others.update(node.inputs)
        else:
            taken = tuple(graph.scalars.get(name, name) for name in node.inputs)
            done.append(Elementwise(taken, node.outputs[0], computed))
    return done, others


def of_elements(operator: Operator) -> Function | None:
    """What an operator computes of each element, with the activation that it computes itself; None of any other."""
    computed = function(operator.name, operator.settings)
    if computed is None or operator.activation == "NONE":
        return computed
    behind = function(operator.activation, {})
    return behind and (lambda *taken: behind(computed(*taken)))


def table_ranges(path: Path, tables: Collection[str]) -> Ranges:
    """The lowest and highest value of the tables that the named tensors are looked up in."""
    sources = {
        name_of(made): name_of(op.inputs[0])
        for op in operators(path)
        for made in op.outputs
        if name_of(made) in tables
    }
    found = constants(path, set(sources.values()))
    return {
        name: (float(found[source].min()), float(found[source].max())) for name, source in sources.items()
    }


def sizes_of_weights(every: Sequence[Node], without: Sequence[str] = ()) -> list[int]:
    """The number of weights of each operator that carries any, without those of some kinds.

    Raises:
        NothingToQuantize: there is none.
    """
    found = [node.weights for node in every if node.weights and node.op not in without]
    if found:
        return found
    others = sorted({node.op for node in every if node.weights})
    if not others:
        raise NothingToQuantize(NOTHING_TO_QUANTIZE)
    raise NothingToQuantize(
        f"the model has nothing to quantize: only {', '.join(others)} carries weights, which TFLite computes in "
        "float32 alone; use dynamic, which stores them in 8 bits"
    )
