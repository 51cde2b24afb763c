"""Which ops of a graph are not quantized in a static scheme, and why: rules that hold in TFLite and in ONNX.

The rules were found by trying every layer of Keras (docs/layers.md).  A file built without them loads, and then answers
wrongly or ends its process.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from math import isfinite

from export.formats.format import NothingToQuantize, Ranges
from export.quantization.nodes import Node

LARGEST = 1e5  # what an additive mask adds is 1e9: a scale that reaches there leaves nothing of the scores
SOFTMAX_SPAN = 24.0  # exp(-24) is 4e-11: what lies further below the largest score has no part in a softmax
_SOFTMAX = ("SOFTMAX", "Softmax")
_LOGARITHM = ("LOG", "Log")
# The logarithm of these changes by no more than a step or two of what they take, which so needs not be exact.
_EXPONENTIAL = ("EXP", "Exp", "SOFTMAX", "Softmax", "LOGISTIC", "Sigmoid")
_ANGLE = ("ATAN2", "Atan")
_EQUALITY = ("EQUAL", "NOT_EQUAL", "Equal")
LARGEST_SLIP = 0.05  # of a value whose logarithm is taken, by one step: a logarithm is then off by as much
STEPS = 255  # of values of 8 bits, and of the weights of every static scheme
_SUM = ("ADD", "SUB", "Add", "Sub")
_SPLIT = ("SPLIT", "SPLIT_V", "Split")


# By a node's key, why it stays in float; an empty reason is none that a user has to know.
Kept = dict[str, str]

PREPROCESSING = ""
SHARED = (
    "what shares its weights with more than three others, as the steps of a recurrent layer with unroll=True, since "
    "ONNX Runtime does not load such weights in 8 bits (with unroll=False it does)"
)
_REASONS = {
    "logarithm": "what a logarithm is taken of, since few bits leave nothing of its small values",
    "angle": "what an angle is computed of, since it turns round where a small value changes its sign",
    "equality": "comparisons for equality, since more values are equal when they are rounded",
    "cancelled": "sums and differences that are smaller than a step of what they are made of",
    "indices": "what whole numbers are made of, since a rounded index is another index",
    "large": f"values beyond {LARGEST:g}, such as an additive mask, since a scale for them rounds all others to zero",
    "split": "a split of which a part is not used",
    "loop": "what a loop computes without weights, since an error there grows from step to step",
    "without a range": "what the calibration samples never reached",
}


def kept_in_float(nodes: Sequence[Node], ranges: Ranges, outputs: Collection[str]) -> Kept:
    """The nodes that no static file may quantize, with the reason.

    Args:
        nodes: those of all graphs, each graph's in the order in which they run.
        ranges: of the float tensors.
        outputs: the names of the tensors that a graph gives.
    """
    kept: Kept = dict.fromkeys(before_weights(nodes), PREPROCESSING)

    def add(keys: Iterable[str], reason: str) -> None:
        for key in keys:
            kept.setdefault(key, _REASONS[reason])

    logarithms = {node.key for node in nodes if node.op in _LOGARITHM and _slips(node, ranges)}
    add(upstream(nodes, logarithms, until=_EXPONENTIAL), "logarithm")
    add(what_angles_are_made_of(nodes), "angle")
    add((node.key for node in nodes if node.op in _EQUALITY), "equality")
    add(upstream(nodes, {node.key for node in nodes if node.to_integers}), "indices")
    add(_of_large_values(nodes, ranges), "large")
    add((node.key for node in nodes if node.op in _SUM and _cancels(node, ranges)), "cancelled")
    add(_splits(nodes, outputs), "split")
    add((node.key for node in nodes if node.graph and not node.weights), "loop")
    return kept


def what_angles_are_made_of(nodes: Sequence[Node]) -> Kept:
    """The nodes that lead to an angle, with the reason why they stay in float in every scheme."""
    angles = {node.key for node in nodes if node.op in _ANGLE}
    return dict.fromkeys(sorted(upstream(nodes, angles)), _REASONS["angle"])


def kept_at_each_call(nodes: Sequence[Node]) -> Kept:
    """The nodes that stay in float where activations are quantized at each call, with the reason; no range is known."""
    logarithms = {node.key for node in nodes if node.op in _LOGARITHM}
    return dict.fromkeys(
        sorted(upstream(nodes, logarithms, until=_EXPONENTIAL)), _REASONS["logarithm"]
    ) | what_angles_are_made_of(nodes)


def _slips(node: Node, ranges: Ranges) -> bool:
    """Whether the small values that a logarithm is taken of are lost between the steps of 8 bits.

    With values of 16 bits they are lost too, since the weights that they come from have 8.
    """
    low, high = ranges.get(node.inputs[0], (0.0, 1.0))
    return (high - low) / STEPS > LARGEST_SLIP * low


def _cancels(node: Node, ranges: Ranges) -> bool:
    """Whether a sum is smaller than a step of its parts, as x - x: engines have no scale for it, and some abort."""
    made = ranges.get(node.outputs[0])
    taken = [ranges[name] for name in node.inputs if name in ranges]
    return made is not None and any(_width(made) * STEPS < _width(part) for part in taken)


def _width(limits: tuple[float, float]) -> float:
    """How far a range reaches, with the zero that every scale has in it."""
    return max(*limits, 0.0) - min(*limits, 0.0)


def before_weights(nodes: Iterable[Node]) -> list[str]:
    """The nodes with no op that carries weights before them: scaling, standardising, clipping.

    These stay in float: one int8 scale for all columns of a table would erase the small ones.
    """
    behind: set[str] = set()  # the tensors that depend on weights
    found = []
    for node in nodes:
        if node.graph:
            continue
        if node.weights or node.bodies or behind.intersection(node.inputs):
            behind.update(node.outputs)
        else:
            found.append(node.key)
    return found


def upstream(nodes: Sequence[Node], keys: Collection[str], until: Collection[str] = ()) -> set[str]:
    """These nodes and all that lead to them, with all that is inside a loop among them.

    A node of an op in `until` is the first of those that lead there.
    """
    wanted: set[str] = set()
    found: set[str] = set()
    bodies: set[int] = set()
    for node in reversed(nodes):
        if node.key in keys or wanted.intersection(node.outputs):
            found.add(node.key)
            if node.op not in until:
                wanted.update(node.inputs)
            bodies.update(node.bodies)
    return found | {node.key for node in nodes if node.graph in bodies}


def clip_softmax(nodes: Iterable[Node], ranges: Ranges) -> Ranges:
    """The ranges; a masked one that only softmaxes take begins where a value has no part in the answer any more."""
    takers: dict[str, set[str]] = defaultdict(set)
    for node in nodes:
        for name in node.inputs:
            takers[name].add(node.op)
    return {
        name: (max(low, high - SOFTMAX_SPAN), high)
        if low < -LARGEST and takers[name] and takers[name] <= set(_SOFTMAX)
        else (low, high)
        for name, (low, high) in ranges.items()
    }


def _of_large_values(nodes: Iterable[Node], ranges: Ranges) -> set[str]:
    large = {
        name
        for name, (low, high) in ranges.items()
        if not (isfinite(low) and isfinite(high)) or max(-low, high) > LARGEST
    }
    return {node.key for node in nodes if large.intersection((*node.inputs, *node.outputs))}


def _splits(nodes: Sequence[Node], outputs: Collection[str]) -> set[str]:
    used = {name for node in nodes for name in node.inputs}.union(outputs)
    return {node.key for node in nodes if node.op in _SPLIT and not used.issuperset(node.outputs)}


def refuse_if_all_is_kept(nodes: Iterable[Node], kept: Kept) -> None:
    """Says so where nothing is left to quantize.

    Raises:
        NothingToQuantize: all nodes that carry weights are kept in float.
    """
    weighted = [node for node in nodes if node.weights]
    if all(node.key in kept for node in weighted):
        reasons = sorted({kept[node.key] or "what comes before the weights" for node in weighted})
        in_dynamic_too = {_REASONS["angle"], _REASONS["logarithm"], SHARED}
        other = "use float32" if in_dynamic_too.issuperset(reasons) else "use float32 or dynamic"
        raise NothingToQuantize(
            f"the model has nothing to quantize: in float32 stays {'; '.join(reasons)}; {other}"
        )


def notes_on_weights(nodes: Iterable[Node], kept: Kept) -> tuple[str, ...]:
    """A sentence on each reason why weights stay in float."""
    reasons = {kept[node.key] for node in nodes if node.weights and node.key in kept}
    return tuple(f"In float32: {reason}." for reason in sorted(reasons) if reason)


def without_ranges(nodes: Iterable[Node], floats: Collection[str], ranges: Ranges) -> Kept:
    """The nodes of which a float tensor has no range, as those of a loop that never ran."""
    missing = set(floats) - set(ranges)
    return {
        node.key: _REASONS["without a range"]
        for node in nodes
        if missing.intersection((*node.inputs, *node.outputs))
    }


def share_note(done: int, total: int) -> tuple[str, ...]:
    """The sentence on how many of all weights are quantized, where it is not all of them."""
    if done >= total:
        return ()
    return (f"{100 * done / total:.3g} % of the weights are quantized; the others stay in float32.",)
