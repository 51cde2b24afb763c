"""The front: the rows of which none is beaten in both quantities by another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

Item = TypeVar("Item")


def front(points: Mapping[Item, tuple[float, float]]) -> list[Item]:
    """The items whose point (less is better in both) no other is at least as good as, and better in one.

    In the order of the first quantity; of items with equal points all are on the front.
    """
    found: list[Item] = []
    best = float("inf")
    kept: tuple[float, float] | None = None
    for item, point in sorted(points.items(), key=lambda pair: pair[1]):
        if point[1] < best or point == kept:
            found.append(item)
            best, kept = point[1], point
    return found
