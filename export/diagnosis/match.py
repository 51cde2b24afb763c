"""Which tensor of a float32 file holds what a call of a Keras layer gives: found by value, never by name."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from export.diagnosis.layer_calls import INPUT, LayerCall
from export.formats.inner_file import InnerFile, Step

How = Literal["equal", "scaled", "folded", "unused"]
# Engines add in another order than Keras; over twenty layers the difference grows to some 1e-6 of the values' spread.
EQUAL = 1e-4
# Equalization computes in float64 and rounds once.
SCALED = 1e-3
_FEWEST = 8  # values of each channel, so that a factor for each is no accident
_MOST_ENERGY = 0.9  # of all values lies in such channels
_MOST_AXES = 5  # of which all orders are tried
# Operators of both formats that arrange values anew and change none.
_ARRANGING = {
    "RESHAPE", "TRANSPOSE", "SQUEEZE", "EXPAND_DIMS", "CAST",
    "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Cast",
}  # fmt: skip


class Match(NamedTuple):
    """Where a call's output lies in a file.

    Attributes:
        tensor: the tensor of the file; None where the file holds none.
        how: `equal`: the tensor's values are the call's; `scaled`: they are but for a factor for each channel, which
            equalization moved into the next layer; `folded`: the converter computes this call and `into` at once;
            `unused`: nothing that the model gives depends on it.
        into: the number of the call that it is folded into; None where it is not.
    """

    tensor: str | None
    how: How
    into: int | None = None


def match(calls: Sequence[LayerCall], file: InnerFile, values: Mapping[str, np.ndarray]) -> list[Match]:
    """The match of each call.

    Args:
        calls: the calls in the order in which they run.
        file: the float32 file.
        values: its float tensors and inputs by name, for the same samples.
    """
    search = _Search(file, values)
    tensors: list[str | None] = []
    for call in calls:
        tensors.append(
            search.equal(call, [None if place == INPUT else tensors[place] for place in call.inputs])
        )
    taken = {name for name in tensors if name is not None}
    scaled = [
        search.scaled(call, taken) if tensor is None else None
        for call, tensor in zip(calls, tensors, strict=True)
    ]
    found = [tensor or other for tensor, other in zip(tensors, scaled, strict=True)]
    into = folded_into([call.inputs for call in calls], found)
    return [
        Match(tensor, "equal")
        if tensor is not None
        else Match(other, "scaled")
        if other is not None
        else Match(None, "unused" if target is None else "folded", target)
        for tensor, other, target in zip(tensors, scaled, into, strict=True)
    ]


def folded_into(inputs: Sequence[Sequence[int]], found: Sequence[str | None]) -> list[int | None]:
    """Of each call without a tensor, the number of the first call behind it that has one; None where none has.

    `inputs` are the numbers of the calls that each call takes from.
    """
    into: list[int | None] = [None] * len(found)
    for place in reversed(range(len(found))):
        if found[place] is None:
            behind = [number for number, taken in enumerate(inputs) if place in taken]
            targets = [number if found[number] is not None else into[number] for number in behind]
            into[place] = min((target for target in targets if target is not None), default=None)
    return into


class _Search:
    """The tensors of one file, looked through by value."""

    def __init__(self, file: InnerFile, values: Mapping[str, np.ndarray]) -> None:
        self._steps = file.steps
        self._values = {
            name: array for name, array in values.items() if array.dtype.kind == "f" and array.size
        }
        self._place = {name: place for place, step in enumerate(file.steps) for name in step.outputs}
        self._given = set(file.inputs.values())
        self._used = {name for step in file.steps for name in step.inputs} | {*file.outputs.values()}
        self._energy = {name: _energy(array) for name, array in self._values.items()}

    def equal(self, call: LayerCall, before: Sequence[str | None]) -> str | None:
        """The tensor whose values are those of a call; `before` are the tensors of the calls that it takes from.

        Of several, one that is not made before these, of the call's own shape, and the last that the others are only
        arranged anew for: it is the one that the next layer takes.
        """
        wanted = call.outputs[0] if call.outputs else np.empty(0)
        if wanted.dtype.kind != "f" or not wanted.size:
            return None
        energy = _energy(wanted)
        near = [
            name
            for name, array in self._values.items()
            if array.size == wanted.size and abs(self._energy[name] - energy) <= 1e-3 * energy + 1e-30
        ]
        fitting = {
            name: shape for name in near if (shape := _arranged(self._values[name], wanted)) is not None
        }
        least = max((self._place.get(name, -1) for name in before if name is not None), default=-1)
        later = [name for name in fitting if self._place.get(name, -1) >= least]
        pool = [name for name in later if fitting[name]] or later
        # A loop gives its last state twice, of which the next layer takes one.
        pool = [name for name in pool if name in self._used] or pool
        if not pool:
            return None
        pool.sort(key=lambda name: self._place.get(name, -1))
        return self._last_arranged(pool)

    def _last_arranged(self, pool: Sequence[str]) -> str:
        """The last of these tensors that is made of the first through the others alone."""
        reached = {pool[0]}
        last = pool[0]
        for name in pool[1:]:
            step: Step = self._steps[self._place[name]]
            if step.op in _ARRANGING and reached & set(step.inputs):
                reached.add(name)
                last = name
        return last

    def scaled(self, call: LayerCall, taken: set[str]) -> str | None:
        """The tensor whose values are those of a call but for a positive factor for each channel, or None."""
        wanted = call.outputs[0] if call.outputs else np.empty(0)
        if wanted.dtype.kind != "f" or wanted.ndim < 2 or not call.parameters:
            return None
        best: tuple[float, str] | None = None
        for name, array in self._values.items():
            if array.size != wanted.size or name in taken or name in self._given:
                continue
            for arranged in _arrangements(array, wanted.shape):
                distance = _scaled_distance(arranged, wanted)
                if distance <= SCALED and (best is None or distance < best[0]):
                    best = distance, name
        return None if best is None else best[1]


def _energy(array: np.ndarray) -> float:
    return float(np.vdot(array, array))


def _arranged(array: np.ndarray, wanted: np.ndarray) -> bool | None:
    """Whether an array with the values of another has its sizes too; None where it has other values."""
    if _close(array.reshape(wanted.shape), wanted):
        return sorted(array.shape) == sorted(wanted.shape)
    for order in _orders(array):
        if _close(array.transpose(order).reshape(wanted.shape), wanted):
            return sorted(array.shape) == sorted(wanted.shape)
    return None


def _orders(array: np.ndarray) -> list[tuple[int, ...]]:
    if not 2 < array.ndim <= _MOST_AXES:
        return []
    return list(itertools.permutations(range(array.ndim)))[1:]


def _arrangements(array: np.ndarray, shape: tuple[int, ...]) -> list[np.ndarray]:
    """The array with its axes in each order that gives the shape."""
    orders = [tuple(range(array.ndim)), *_orders(array)]
    return [array.transpose(order) for order in orders if array.transpose(order).shape == shape]


def _close(array: np.ndarray, wanted: np.ndarray) -> bool:
    spread = float(np.abs(wanted).max())
    if not np.isfinite(spread):
        return False
    error = array - wanted
    return (
        float(np.abs(error).max()) <= 10 * EQUAL * spread
        and _energy(error) <= EQUAL * EQUAL * _energy(wanted) + 1e-30
    )


def _scaled_distance(array: np.ndarray, wanted: np.ndarray) -> float:
    """The largest distance of a channel from its best positive multiple, as a fraction of the channel's values."""
    got = array.reshape(-1, array.shape[-1]).astype(np.float64)
    want = wanted.reshape(-1, wanted.shape[-1]).astype(np.float64)
    active = (want != 0).sum(axis=0)
    used = active >= _FEWEST
    energy = np.square(want).sum(axis=0)
    if energy[used].sum() < _MOST_ENERGY * energy.sum() or not used.any() or got[:, active == 0].any():
        return np.inf
    got, want = got[:, used], want[:, used]
    factor = (got * want).sum(axis=0) / (want * want).sum(axis=0)
    if (factor <= 0).any():
        return np.inf
    error = np.square(got - factor * want).sum(axis=0) / np.square(got).sum(axis=0)
    return float(np.sqrt(error.max()))
