"""Proves by a `.tflite` file's own tensors that it is what its name says."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from export.formats.format import MIXED, Scheme
from export.formats.tflite_graph import Graph, Operator, graphs, name_of, type_name
from export.formats.tflite_nodes import WEIGHTED, weights
from export.quantization.keep_in_float import share_note
from runtime.errors import ConversionError

_FLOAT = ("FLOAT32",) * 3


class _Weighted(NamedTuple):
    """An operator that carries weights: its name, its output, how many weights, and three types."""

    op: str
    output: str
    amount: int
    activations: str
    weights: str
    result: str
    dequantized: bool  # its weights are turned into float32 before it takes them

    @property
    def types(self) -> tuple[str, str, str]:
        """The types of what it takes, of its weights, and of what it makes."""
        return self.activations, self.weights, self.result


def prove(path: Path, scheme: Scheme, kept: Collection[str] | None = None) -> None:
    """Proves by the file's own tensors that it is what its name says.

    Args:
        path: the file.
        scheme: what its name says.
        kept: the outputs of the operators that its converter left in float32 on purpose; None where that is not known:
            then any may be, as long as one is not.

    Raises:
        ConversionError: it holds a Flex or custom op, or tensors of another type than its scheme's.
    """
    found = graphs(path)
    for graph in found:
        for operator in graph.operators:
            if operator.name.startswith("CUSTOM:"):
                raise ConversionError(
                    f"{path.name} needs the custom op {operator.name.removeprefix('CUSTOM:')}, which a device's engine "
                    "does not have; build the model from builtin ops"
                )
    weighted = [row for graph in found for row in _weighted(graph)]
    right = [row for row in weighted if _is(scheme, row)]
    for row in weighted:
        left = scheme != "float32" and (
            row.types == _FLOAT
            or (row.dequantized and row.weights == _STORED[scheme])
            or (scheme == MIXED and row.types in _HIGHER)
        )
        if row not in right and not (left and (kept is None or row.output in kept)):
            raise ConversionError(
                f"{path.name} is not {scheme}: its {row.op} has input {row.activations}, weights {row.weights}, "
                f"output {row.result}"
            )
    if scheme == MIXED and len(right) in (0, len(weighted)):
        raise ConversionError(
            f"{path.name} is not int8-mixed: {len(right)} of its {len(weighted)} ops with weights are in int8"
        )
    if scheme != "float32" and not any(row.weights == _STORED[scheme] for row in weighted):
        raise ConversionError(f"{path.name} is not {scheme}: none of its weights is {_STORED[scheme]}")


_STORED: dict[Scheme, str] = {
    "float16": "FLOAT16",
    "dynamic": "INT8",
    "int8": "INT8",
    "int8-mixed": "INT8",
    "int16x8": "INT8",
}
# What a group of a mixed file may be kept in beside float32: weights of 16 or of 8 bits.
_HIGHER = (("FLOAT32", "FLOAT16", "FLOAT32"), ("FLOAT32", "INT8", "FLOAT32"))


def _is(scheme: Scheme, row: _Weighted) -> bool:
    """Whether an operator's types are those of a scheme."""
    if scheme == "float32":
        return row.types == _FLOAT
    if scheme == "float16":
        return row.types == ("FLOAT32", "FLOAT16", "FLOAT32")
    if scheme == "dynamic":
        # A table is looked up in int8, and what is found turned into float32 behind.
        return (
            row.types == ("INT8",) * 3 if row.op == "GATHER" else row.types == ("FLOAT32", "INT8", "FLOAT32")
        )
    wide = "INT16" if scheme == "int16x8" else "INT8"
    if row.op == "GATHER":
        return row.weights == row.result == "INT8"
    return row.types == (wide, "INT8", wide)


def _weighted(graph: Graph) -> Iterator[_Weighted]:
    dequantized = {
        name_of(operator.outputs[0]): operator.inputs[0]
        for operator in graph.operators
        if operator.name == "DEQUANTIZE"
    }
    for operator in graph.operators:
        amount = _amount(operator, graph, dequantized)
        if amount:
            place = WEIGHTED[operator.name]
            taken = operator.inputs[place]
            stored = dequantized.get(name_of(taken), taken)
            given = (
                stored if operator.name == "GATHER" else operator.inputs[_ACTIVATIONS.get(operator.name, 0)]
            )
            made = operator.outputs[0]
            yield _Weighted(
                operator.name,
                name_of(made),
                amount,
                type_name(given),
                type_name(stored),
                type_name(made),
                dequantized=stored is not taken,
            )


# Their first input is the output's shape.
_ACTIVATIONS = {"TRANSPOSE_CONV": 2, "CONV_3D_TRANSPOSE": 2}


def _amount(operator: Operator, graph: Graph, dequantized: dict[str, object]) -> int:
    place = WEIGHTED.get(operator.name)
    if place is None or len(operator.inputs) <= place:
        return 0
    constants = graph.constants | {
        name for name, source in dequantized.items() if name_of(source) in graph.constants
    }
    return weights(operator, constants)


def quantized(path: Path) -> tuple[int, int]:
    """How many weights of a file are stored in fewer bits than 32, and how many there are."""
    return _counted(_rows(path))


def notes(path: Path) -> tuple[str, ...]:
    """The sentences on the share of weights in fewer bits than 32, and on those that compute in float32 all the same.

    The latter are operators with weights of 8 bits that are turned into float32 first; tables compute nothing.
    """
    rows = _rows(path)
    ops = sorted({row.op for row in rows if row.dequantized and row.weights == "INT8"} - {"GATHER"})
    in_float = (f"{', '.join(ops)} with weights of 8 bits compute in float32.",) if ops else ()
    return (*share_note(*_counted(rows)), *in_float)


def _rows(path: Path) -> list[_Weighted]:
    return [row for graph in graphs(path) for row in _weighted(graph)]


def _counted(rows: list[_Weighted]) -> tuple[int, int]:
    return sum(row.amount for row in rows if row.weights != "FLOAT32"), sum(row.amount for row in rows)
