"""Proves by an `.onnx` file's own tensors, in all its graphs, that it is what its name says."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from export.formats import onnx_graph
from export.formats.format import MIXED, Scheme
from export.formats.onnx_constants import WEIGHTED
from runtime.errors import ConversionError

# ONNX's own ops. Those of ONNX Runtime's own domain, com.microsoft, are refused too: no scheme needs one.
_DOMAINS = ("", "ai.onnx")
# What the activations and the weights of an op that carries weights may be.
_TYPES: dict[Scheme, tuple[set[str], set[str]]] = {
    "float32": ({"computed"}, {"FLOAT"}),
    "float16": ({"computed"}, {"FLOAT16"}),
    "dynamic": ({"computed"}, {"INT8", "UINT8"}),
    "int8": ({"INT8"}, {"INT8"}),
    "int8-mixed": ({"INT8"}, {"INT8"}),
}


class _Weighted(NamedTuple):
    """A node that carries weights: its op, its name, how many, and the stored types of activations and weights."""

    op: str
    name: str
    amount: int
    activation: str
    weight: str


def prove(path: Path, scheme: Scheme, kept: Collection[str] | None = None) -> None:
    """Proves by the file's own tensors, in all its graphs, that it is what its name says.

    Args:
        path: the file.
        scheme: what its name says.
        kept: the names of the nodes whose activations its converter left in float32 on purpose; None where that is not
            known: then any may be, as long as one is not.

    Raises:
        ConversionError: a custom op domain, data outside the file, or tensors of another type than its scheme's.
    """
    import onnx

    model = onnx.load(path, load_external_data=False)
    foreign = sorted(
        {
            f"{node.domain}:{node.op_type}"
            for node in onnx_graph.nodes(model.graph)
            if node.domain not in _DOMAINS
        }
    )
    if foreign:
        raise ConversionError(
            f"{path.name} needs the custom op {', '.join(foreign)}, which a device's engine does not have"
        )
    stored = [tensor for graph in onnx_graph.graphs(model.graph) for tensor in graph.initializer]
    if any(onnx.external_data_helper.uses_external_data(tensor) for tensor in stored):
        raise ConversionError(f"{path.name} keeps weights outside the file; a bundle takes whole files only")
    rows = list(_weighted(model.graph))
    for row in rows:
        left = kept is None or row.name in kept
        if not _is(scheme, row) and not (left and _may_be_left(scheme, row)):
            raise ConversionError(
                f"{path.name} is not {scheme}: its {row.op} has activations {row.activation}, weights {row.weight}"
            )
    right = sum(_is(scheme, row) for row in rows)
    if scheme == MIXED and right in (0, len(rows)):
        raise ConversionError(
            f"{path.name} is not int8-mixed: {right} of its {len(rows)} ops with weights are in int8"
        )
    _, weights = _TYPES[scheme]
    if scheme != "float32" and not any(row.weight in weights for row in rows):
        raise ConversionError(
            f"{path.name} is not {scheme}: none of its weights is {' or '.join(sorted(weights))}"
        )


def _is(scheme: Scheme, row: _Weighted) -> bool:
    """Whether a node's types are those of a scheme; a table is looked up as it is stored."""
    activations, weights = _TYPES[scheme]
    return row.weight in weights and (row.op == "Gather" or row.activation in activations)


def _may_be_left(scheme: Scheme, row: _Weighted) -> bool:
    """Whether a node may compute in float32 in a file of a scheme: with float32 weights, or with weights of 8 bits.

    What quantizes activations at each call, as MatMulInteger, is no static quantization.
    """
    if scheme == "float32":
        return False
    if scheme == MIXED and row.weight in ("FLOAT", "FLOAT16"):
        return True  # also of integers that are turned into float32 before
    in_8_bits = scheme in ("int8", MIXED) and row.weight == "INT8" and not row.op.endswith("Integer")
    return row.activation == "computed" and (row.weight == "FLOAT" or in_8_bits)


def quantized(path: Path) -> tuple[int, int]:
    """How many weights of a file are stored in fewer bits than 32, and how many there are."""
    import onnx

    rows = list(_weighted(onnx.load(path).graph))
    return sum(row.amount for row in rows if row.weight != "FLOAT"), sum(row.amount for row in rows)


def _weighted(graph: Any) -> Iterator[_Weighted]:
    """The nodes that carry weights; a product of two activations, as in attention, carries none."""
    import onnx

    name_of = onnx.TensorProto.DataType.Name
    nodes = list(onnx_graph.nodes(graph))
    stored = {tensor.name: tensor for inner in onnx_graph.graphs(graph) for tensor in inner.initializer}
    # Inside Loop and If, some weights are constants.
    stored |= {
        node.output[0]: node.attribute[0].t
        for node in nodes
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    made_by = {name: node for node in nodes for name in node.output}

    def source(name: str) -> Any:
        """The constant that a tensor is, or is made of: through a QDQ pair, a cast, a transposition."""
        while name not in stored and name in made_by and made_by[name].op_type in _SAME:
            name = made_by[name].input[0]
        return stored.get(name)

    def kind(name: str) -> str:
        """The stored type of a tensor: for a QDQ pair, that of its integers."""
        node = made_by.get(name)
        if node is not None and node.op_type == "DequantizeLinear":
            zero = stored.get(node.input[2]) if len(node.input) > 2 else None
            return "?" if zero is None else name_of(zero.data_type)
        return name_of(stored[name].data_type) if name in stored else "computed"

    for node in nodes:
        slot = WEIGHTED.get(node.op_type.removesuffix("Integer"))
        if slot is None or len(node.input) <= slot:
            continue
        constant = source(node.input[slot])
        if constant is None or (slot == 0 and name_of(constant.data_type) not in _TABLES):
            continue
        weight = kind(node.input[slot])
        yield _Weighted(
            node.op_type,
            node.name,
            math.prod(constant.dims),
            "computed" if slot == 0 else kind(node.input[0]),
            name_of(constant.data_type) if weight == "computed" else weight,
        )


_SAME = ("DequantizeLinear", "Cast", "Transpose", "Identity", "Reshape", "Unsqueeze", "Squeeze")
_TABLES = ("FLOAT", "FLOAT16", "INT8", "UINT8")
