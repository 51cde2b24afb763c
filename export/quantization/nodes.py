"""The ops of a graph, as the rules on what is quantized see them: alike for TFLite and ONNX."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Node:
    """One op of a graph, in TFLite or in ONNX.

    Attributes:
        key: what its quantizer calls it; no two nodes have the same.
        op: its kind, such as "CONV_2D" or "Conv".
        inputs: the names of the tensors that it takes.
        outputs: the names of the tensors that it makes.
        weights: how many weights it carries.
        to_integers: whether it makes whole numbers of real ones.
        graph: the graph that it is in: 0 is the main one, the others are inside loops and branches.
        bodies: the graphs that it runs.
        dimensions: the most that a tensor which it takes or makes has.
    """

    key: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: int = 0
    to_integers: bool = False
    graph: int = 0
    bodies: tuple[int, ...] = ()
    dimensions: int = 0
