"""The samples of a model that a variant decides otherwise than the original, one entry for each sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from export.checks.flips import Flip
from runtime.measure.row import MeasuredRow

MOST = 6


class Sample(NamedTuple):
    """One flipped sample, with the label that it got by which variants.

    Attributes:
        flip: the sample, its true label and the original's; its picture.
        new: by label, the variants that give it.
        chosen: whether the recommended variant is one of them.
    """

    flip: Flip
    new: dict[str, list[str]]
    chosen: bool


def samples(found: Mapping[tuple[str, str], Sequence[Flip]], chosen: MeasuredRow | None) -> list[Sample]:
    """At most MOST samples with pictures: those that the recommended variant flips first, then those of most variants.

    `found` are the flips by variant and engine.
    """
    by_sample: dict[tuple[int, str], Sample] = {}
    for (variant, engine), flips in found.items():
        for flip in flips:
            if flip.picture is None:
                continue
            its = by_sample.setdefault((flip.sample, flip.output), Sample(flip, {}, False))
            variants = its.new.setdefault(flip.new, [])
            if variant not in variants:
                variants.append(variant)
            if chosen is not None and (variant, engine) == (chosen.variant, chosen.engine):
                by_sample[flip.sample, flip.output] = its._replace(chosen=True)

    def order(sample: Sample) -> tuple[bool, int, int]:
        return not sample.chosen, -sum(map(len, sample.new.values())), sample.flip.sample

    return sorted(by_sample.values(), key=order)[:MOST]
