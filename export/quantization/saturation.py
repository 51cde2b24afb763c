"""Cuts ranges where the activations behind are flat: hard-swish gives 0 to every x below -3, tanh 1 to all above 4.

Between two layers lie ops that compute element by element; together they are functions of one number x. Where all of
them hardly change from some x on, values beyond it need no steps of their own: a range that reaches there takes
resolution from all other values. In a network of 20 layers of selu, one range went from -25.8 to 21.1; half of its
steps were spent on values that all give the same answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from export.formats.format import Ranges
from export.quantization.elementwise import Elementwise

# Of a step of what an activation gives: what its answers may differ by where its input's range is cut. At a quarter,
# the error of 20 layers of selu adds up; at a thirtieth, swish has too many steps where it is nearly zero.
_SHARE = 1 / 16
_LEAST_CUT = 0.02  # of a range: less is not worth another file
_POINTS = 2049  # at which functions are computed on either side of zero


def cut(ranges: Ranges, ops: Sequence[Elementwise], others: Collection[str], bits: int) -> Ranges:
    """The ranges, each cut at the ends from which on all that is computed of its tensor is flat.

    Args:
        ranges: the lowest and highest value of every float tensor.
        ops: those that compute element by element, in the order in which they run.
        others: the tensors that anything else takes too.
        bits: of the integers that tensors are rounded to.
    """
    graph = _Graph(ops, others)
    steps = {name: (max(high, 0.0) - min(low, 0.0)) / (2**bits - 1) for name, (low, high) in ranges.items()}

    def flat_until(name: str, end: float) -> float:
        """The value nearest to zero from which on to `end` all that is computed of a tensor is the same."""
        points = np.linspace(end, 0, _POINTS)
        flat = np.ones(_POINTS, bool)
        for made, values in graph.computed_of(name, points):
            # How far what comes of the values from `end` up to each point is from what comes of the point.
            above = np.maximum.accumulate(values) - values
            below = values - np.minimum.accumulate(values)
            flat &= np.maximum(above, below) <= _SHARE * steps.get(made, 0.0)
        return float(points[np.flatnonzero(flat)[-1]]) if flat.any() else end

    found = dict(ranges)
    for name, (low, high) in ranges.items():
        if name in graph.takers and name not in others:
            least = _LEAST_CUT * (high - low)
            lower, upper = flat_until(name, min(low, 0.0)), flat_until(name, max(high, 0.0))
            if lower < upper:
                found[name] = (lower if lower - low > least else low, upper if high - upper > least else high)
    return found


class _Graph:
    """Ops that compute element by element: `takers` has the numbers of those that take a tensor."""

    def __init__(self, ops: Sequence[Elementwise], others: Collection[str]) -> None:
        self._ops, self._others = ops, others
        self.takers: dict[str, list[int]] = defaultdict(list)
        for number, op in enumerate(ops):
            for name in op.names:
                self.takers[name].append(number)

    def computed_of(self, name: str, points: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """All that is computed of one tensor alone, up to where anything else takes it, with its values at `points`."""
        values = {name: points}
        waiting = set(self.takers[name])
        with np.errstate(all="ignore"):
            while waiting:
                number = min(waiting)
                waiting.remove(number)
                op = self._ops[number]
                if values.keys() >= op.names:
                    taken = (values[each] if isinstance(each, str) else each for each in op.inputs)
                    values[op.output] = np.asarray(op.function(*taken), np.float64)
                    waiting.update(self.takers.get(op.output, ()))
        for made, found in values.items():
            inside = all(self._ops[number].output in values for number in self.takers.get(made, ()))
            if made in self._others or not inside:
                yield made, found
