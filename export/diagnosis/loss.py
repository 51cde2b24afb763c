"""What each layer of a variant loses by itself, and what that does to the model's answers.

The error that has piled up at a layer says little of where it comes from. So each layer is given what the layer before
it gives in the variant, and computed once more in float32: what the variant's output differs from that is the layer's
own error. This error alone is then added to the float32 file's value, and the rest of the float32 file says what it
does to the answers: the layer's share of the loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from export.diagnosis.layer_map import MappedCall
from export.diagnosis.match import folded_into
from export.formats.inner_file import Grid, InnerFile


class LayerLoss(NamedTuple):
    """What became of one call of a layer in one variant.

    What was not measured is None: the file computes the layer together with the one that `into` names.

    Attributes:
        name: the call, under the Keras layer's own name.
        kind: the layer's class.
        into: the call whose row holds this one's error; None for a row that was measured.
        together: the calls whose error this row holds beside its own.
        tensor: the variant's tensor.
        node: what Model Explorer calls the node that makes it.
        sqnr_db: the power of the original's values over that of all error up to here, in dB.
        cosine: the cosine between the original's values and the variant's.
        own_sqnr_db: the same as `sqnr_db` of the layer's own error.
        share: how much of the error of the answers is this layer's, 0 to 1; all rows add up to 1.
        used: how much of the range of the quantized tensor the samples use, 0 to 1; None where it is not quantized.
        clipped: how many of the values lie more than a step outside that range, 0 to 1; None where it is not quantized.
        grid: the quantized tensor's grid.
    """

    name: str
    kind: str
    into: str | None = None
    together: tuple[str, ...] = ()
    tensor: str | None = None
    node: str | None = None
    sqnr_db: float | None = None
    cosine: float | None = None
    own_sqnr_db: float | None = None
    share: float | None = None
    used: float | None = None
    clipped: float | None = None
    grid: Grid | None = None


class Place(NamedTuple):
    """A tensor at which a variant is measured: its name in the float32 file, the variant's, the calls that it holds.

    `owner` is the number of the call that the error is laid to; None for an input of the model.
    """

    tensor: str
    stored: str
    owner: int | None
    members: tuple[int, ...]
    input: str | None = None


def places(calls: Sequence[MappedCall], reference: InnerFile, variant: InnerFile) -> list[Place]:
    """Where a variant is measured: the model's inputs, and every tensor of a call that the variant still has."""
    stored = [None if call.match.tensor is None else variant.stored(call.match.tensor) for call in calls]
    kept = [call.match.tensor if there else None for call, there in zip(calls, stored, strict=True)]
    into = folded_into([call.inputs for call in calls], kept)
    given = {tensor: name for name, tensor in reference.inputs.items()}
    members: dict[str, list[int]] = {tensor: [] for tensor in given}
    for number in range(len(calls)):
        target = number if kept[number] is not None else into[number]
        if target is not None:
            members.setdefault(str(kept[target]), []).append(number)
    found = []
    for tensor, numbers in members.items():
        at = variant.stored(tensor)
        if at is None:
            continue
        # An input's own error is that of its quantization; a layer that gives its input back adds none.
        owner = (
            None
            if tensor in given
            else max(
                numbers, key=lambda number: (calls[number].parameters, kept[number] is not None, -number)
            )
        )
        found.append(Place(tensor, at, owner, tuple(numbers), given.get(tensor)))
    order = {name: place for place, step in enumerate(reference.steps) for name in step.outputs}
    return sorted(found, key=lambda place: order.get(place.tensor, -1))


def losses(
    calls: Sequence[MappedCall],
    reference: InnerFile,
    variant: InnerFile,
    feeds: Mapping[str, np.ndarray],
) -> list[LayerLoss]:
    """The rows of the model's inputs and of every call, in the order in which they run.

    Args:
        calls: the calls and where they lie in the float32 file.
        reference: the float32 file of the same format.
        variant: the file that is diagnosed.
        feeds: samples by input name, [n, …] in the dtypes of the files.
    """
    found = places(calls, reference, variant)
    measured = _Comparison(reference, variant, found, feeds)
    rows: dict[int, LayerLoss] = {}
    inputs: list[LayerLoss] = []
    effects = _comparable([measured.effect(place) for place in found])
    whole = math.fsum(effects)
    for place, effect in zip(found, effects, strict=True):
        share = effect / whole if whole > 0 else 0.0
        row = measured.row(place)._replace(share=share)
        if place.owner is None:
            inputs.append(row._replace(name=str(place.input), kind="Input"))
            owner = str(place.input)
        else:
            owner = calls[place.owner].name
            others = tuple(calls[number].name for number in place.members if number != place.owner)
            rows[place.owner] = row._replace(name=owner, kind=calls[place.owner].kind, together=others)
        for number in place.members:
            if number != place.owner:
                rows[number] = LayerLoss(calls[number].name, calls[number].kind, into=owner)
    return [*inputs, *(rows[number] for number in sorted(rows))]


def _comparable(effects: Sequence[float]) -> list[float]:
    """The effects; where some are endless, as of values that float16 cannot hold, only those count."""
    if all(map(math.isfinite, effects)):
        return list(effects)
    return [0.0 if math.isfinite(effect) else 1.0 for effect in effects]


def ranking(rows: Sequence[LayerLoss]) -> list[LayerLoss]:
    """The rows that were measured, the one that loses most by itself first: a layer at fault stands at the head."""
    return sorted(_measured(rows), key=lambda row: math.inf if row.own_sqnr_db is None else row.own_sqnr_db)


def by_share(rows: Sequence[LayerLoss]) -> list[LayerLoss]:
    """The rows that were measured, the one that costs the answers most first."""
    return sorted(_measured(rows), key=lambda row: -(row.share or 0.0))


def _measured(rows: Sequence[LayerLoss]) -> list[LayerLoss]:
    return [row for row in rows if row.into is None]


class _Comparison:
    """The values of a variant and of the float32 file at all places, and what follows of them."""

    def __init__(
        self,
        reference: InnerFile,
        variant: InnerFile,
        found: Sequence[Place],
        feeds: Mapping[str, np.ndarray],
    ) -> None:
        self._reference, self._variant = reference, variant
        self._tensors = [place.tensor for place in found]
        self._outputs = list(reference.outputs.values())
        self._given = {tensor: feeds[name] for name, tensor in reference.inputs.items()}
        self._original = reference.values(feeds, {*self._tensors, *self._outputs})
        of_variant = variant.values(feeds, {place.stored for place in found})
        self._got = {place.tensor: of_variant[place.stored] for place in found}
        self._expected = {place.tensor: self._computed_once_more(place) for place in found}

    def _computed_once_more(self, place: Place) -> np.ndarray:
        """What the float32 file makes of the variant's values before this place."""
        if place.tensor in self._given:
            return self._original[place.tensor]
        part = self._reference.part(self._tensors, [place.tensor])
        return part(self._given | self._got)[place.tensor]

    def effect(self, place: Place) -> float:
        """What the place's own error alone does to the answers: its power over that of the answers' spread."""
        tensor = place.tensor
        if self._original[tensor].dtype.kind != "f":
            return 0.0
        error = self._got[tensor] - self._expected[tensor]
        if not np.any(error):
            return 0.0
        moved = {tensor: self._original[tensor] + error}
        others = [name for name in self._outputs if name != tensor]
        if others:
            answers = self._reference.part([tensor], others)(self._given | moved)
            moved |= {name: answers[name] for name in others}
        return math.fsum(_noise(moved[name], self._original[name]) for name in self._outputs if name in moved)

    def row(self, place: Place) -> LayerLoss:
        """What is measured at one place."""
        original, got = self._original[place.tensor], self._got[place.tensor]
        expected = self._expected[place.tensor]
        grid = self._variant.grid(place.stored)
        used = clipped = None
        if grid is not None:
            inside = np.clip(expected, grid.lowest, grid.highest)
            used = float(np.ptp(inside)) / (grid.highest - grid.lowest)
            # Beyond a whole step: the 1 of a softmax or sigmoid is one step above what their fixed scale holds.
            outside = (expected < grid.lowest - grid.scale) | (expected > grid.highest + grid.scale)
            clipped = float(np.mean(outside))
        return LayerLoss(
            "", "", tensor=place.stored, node=self._variant.node(place.stored),
            sqnr_db=sqnr_db(got, original), cosine=_cosine(got, original), own_sqnr_db=sqnr_db(got, expected),
            used=used, clipped=clipped, grid=grid,
        )  # fmt: skip


def sqnr_db(got: np.ndarray, expected: np.ndarray) -> float:
    """The power of what was expected over that of the error, in dB; inf where they are equal, -inf for NaN."""
    wanted = expected.astype(np.float64)
    noise = float(np.square(got - wanted).sum())
    if not math.isfinite(noise):
        return -math.inf
    signal = float(np.square(wanted).sum())
    return math.inf if noise == 0 else 10 * math.log10(signal / noise) if signal else -math.inf


def _cosine(got: np.ndarray, expected: np.ndarray) -> float:
    if not np.isfinite(got).all():
        return 0.0
    a, b = got.astype(np.float64).ravel(), expected.astype(np.float64).ravel()
    length = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / length if length else float(not a.any() and not b.any())


def _noise(got: np.ndarray, expected: np.ndarray) -> float:
    """The power of the error over that of the spread of what was expected."""
    wanted = expected.astype(np.float64)
    spread = float(np.square(wanted - wanted.mean(axis=0)).sum()) or float(np.square(wanted).sum()) or 1.0
    noise = float(np.square(got - wanted).sum())
    return noise / spread if math.isfinite(noise) else math.inf
