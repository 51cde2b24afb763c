"""Groups of layers: what a mixed file keeps in a higher scheme, all of a group or none of it.

A group is an op with weights and what follows it without any, up to the next op with weights: a convolution, its
activation and its pooling.  Between two ops of one group nothing is rounded to eight bits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from export.quantization.nodes import Node


@dataclass(frozen=True)
class Group:
    """One group of layers.

    Attributes:
        name: that of its op with weights, for people.
        keys: the keys of its nodes, the one with the weights first.
    """

    name: str
    keys: tuple[str, ...]


def groups(
    nodes: Sequence[Node], kept: Collection[str], name_of: Callable[[str], str] = lambda key: key
) -> list[Group]:
    """The groups of a graph, in its order.

    Args:
        nodes: those of all graphs, each graph's in the order in which they run.
        kept: the keys of those that are not quantized anyway; they are in no group.
        name_of: what people call a node of such a key.
    """
    found: list[list[str]] = []
    made_in: dict[str, int] = {}  # by tensor, the place of the group that makes it
    for node in nodes:
        before = max((made_in[name] for name in node.inputs if name in made_in), default=-1)
        if node.key not in kept and not node.graph:
            if node.weights:
                before = len(found)
                found.append([])
            if before >= 0:
                found[before].append(node.key)
        made_in |= dict.fromkeys(node.outputs, before)
    return [Group(name_of(keys[0]), tuple(keys)) for keys in found]
