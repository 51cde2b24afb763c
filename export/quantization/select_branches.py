"""Finds tensors of a `.tflite` graph of which a SELECT keeps only some values: their ranges are those of these values.

TensorFlow writes selu as `x > 0 ? λx : λα(exp(x) - 1)` and computes both sides for every x. The exponential of what is
above zero is never used, and would take the whole range of eight bits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

_SELECTS = ("SELECT", "SELECT_V2")
_ELEMENTWISE = ("ADD", "DIV", "ELU", "EXP", "LOG", "LOGISTIC", "MUL", "NEG", "RSQRT", "SQRT", "SUB", "TANH")


class Branch(NamedTuple):
    """The name of a condition's tensor, and whether values are kept where it is true or where it is false."""

    condition: str
    when: bool

    def kept(self, values: np.ndarray, conditions: np.ndarray) -> np.ndarray:
        """Those of `values` that are kept, flat; all of them where none is."""
        # What does not depend on the input has one row, whatever the batch.
        mask = np.broadcast_to(conditions == self.when, values.shape)
        return values[mask] if mask.any() else values


def select_branches(operators: Iterable[tuple[Any, ...]]) -> dict[str, Branch]:
    """For the operators of `export.formats.tflite.operators`: which tensors are only used where a SELECT keeps them."""
    rows = list(operators)
    made_by = {tensor.name: (name, inputs) for name, inputs, outputs, *_ in rows for tensor in outputs}
    uses = Counter(tensor.name for _, inputs, *_ in rows for tensor in inputs)
    found: dict[str, Branch] = {}

    def follow(tensor: Any, rule: Branch, shape: list[int]) -> None:
        """Walks back from a branch of a SELECT, element by element."""
        if tensor.name not in made_by or uses[tensor.name] > 1 or list(tensor.shape) != shape:
            return
        found[tensor.name.decode()] = rule
        name, inputs = made_by[tensor.name]
        for source in inputs if name in _ELEMENTWISE else ():
            follow(source, rule, shape)

    for name, inputs, outputs, *_ in rows:
        if name in _SELECTS:
            condition, when_true, when_false = inputs
            shape = list(outputs[0].shape)
            if list(condition.shape) == shape:
                follow(when_true, Branch(condition.name.decode(), True), shape)
                follow(when_false, Branch(condition.name.decode(), False), shape)
    return found
