"""The inside of a file, whatever its format: its inner tensors by name, and parts of its graph as functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

Arrays = dict[str, np.ndarray]


class Step(NamedTuple):
    """One operator of the main graph, without its constants: what it takes and gives, by name."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Grid(NamedTuple):
    """The grid that a quantized tensor's values lie on: value = scale · (q − zero_point), q from `low` to `high`."""

    scale: float
    zero_point: int
    low: int
    high: int

    @property
    def lowest(self) -> float:
        """The lowest value that it can hold."""
        return self.scale * (self.low - self.zero_point)

    @property
    def highest(self) -> float:
        """The highest value that it can hold."""
        return self.scale * (self.high - self.zero_point)


def dequantized(values: np.ndarray, grid: Grid | None) -> np.ndarray:
    """The values of a tensor as float32; those without a grid as they are, where they are no floats."""
    if grid is None:
        return values.astype(np.float32) if values.dtype.kind == "f" else values
    whole = values.astype(np.float32) - np.float32(grid.zero_point)
    return (whole * np.float32(grid.scale)).astype(np.float32)


class Part(Protocol):
    """A part of a file's graph as a function of some of its tensors."""

    def __call__(self, feeds: Mapping[str, np.ndarray]) -> Arrays:
        """The part's outputs by name, [n, …] each, for its inputs by name."""
        ...


class InnerFile(Protocol):
    """One file, its inner tensors by name.

    Attributes:
        graph: the name of the main graph.
        steps: the operators of the main graph in the order in which they run.
        inputs: the tensors that the graph takes, by the names of the model's inputs.
        outputs: the tensors that it gives, by the names of the model's outputs.
    """

    graph: str
    steps: Sequence[Step]
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    def floats(self) -> set[str]:
        """The names of the float tensors that operators make."""
        ...

    def stored(self, name: str) -> str | None:
        """The tensor that holds a float file's tensor of this name here: itself, or its quantized copy; None: none."""
        ...

    def grid(self, stored: str) -> Grid | None:
        """The grid of a tensor that `stored` gave; None where it is not quantized."""
        ...

    def node(self, stored: str) -> str:
        """What Model Explorer finds the node by that computes a tensor: a tensor that it gives, or the node's id."""
        ...

    def values(self, feeds: Mapping[str, np.ndarray], stored: Collection[str]) -> Arrays:
        """The values of tensors, [n, …] each, as float32 and dequantized, by name.

        `feeds` are by the names of the model's inputs, [n, …] in the dtypes of the file's.
        """
        ...

    def part(self, inputs: Sequence[str], outputs: Sequence[str]) -> Part:
        """The part of the graph that makes `outputs` of `inputs`."""
        ...


def needed(
    steps: Sequence[Step], outputs: Iterable[str], stops: Collection[str]
) -> tuple[list[int], list[str]]:
    """The numbers of the steps that make tensors of those at which one stops, and the tensors that they take of these.

    A tensor that no step makes, as an input of the graph, is taken as it is.
    """
    maker = {name: place for place, step in enumerate(steps) for name in step.outputs}
    places: set[int] = set()
    taken: dict[str, None] = {}
    waiting = list(outputs)
    first = set(waiting)
    while waiting:
        name = waiting.pop()
        if name not in maker or (name in stops and name not in first):
            taken[name] = None
        elif maker[name] not in places:
            places.add(maker[name])
            waiting.extend(steps[maker[name]].inputs)
        first.discard(name)
    return sorted(places), sorted(taken)
