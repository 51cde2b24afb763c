"""Places for the names of points in a picture, so that they cover neither each other nor the points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from export.page.svg import STAND_INS

Box = tuple[float, float, float, float]  # left, bottom, right, top
_LETTER, _LINE = 6.4, 12.5  # about the width of a letter and the height of a line, in points
_POINT = 5.0  # the half of a marker
# Up first: most points lie on the line of the original, which would go through a name beside them.
_OFFSETS = (12.0, -12.0, 0.0, 24.0, -24.0, 38.0, -38.0)


def put(axes: Any, names: Mapping[tuple[float, float], str], points: Sequence[tuple[float, float]]) -> None:
    """Writes each name near its point; one that has no free place is left out: the table has it, and so has a pointer.

    Args:
        axes: matplotlib's, with their limits set.
        names: by a point in the data's units.
        points: all points, which no name may cover.
    """
    scale = 72 / axes.figure.dpi
    frame = tuple(float(value) * scale for value in axes.bbox.extents)
    where = {point: tuple(axes.transData.transform(point) * scale) for point in points}
    taken: list[Box] = [(x - _POINT, y - _POINT, x + _POINT, y + _POINT) for x, y in where.values()]
    for point, name in names.items():
        for box, offset, align in _candidates(where[point], _LETTER * len(name)):
            inside = box[0] >= frame[0] and box[2] <= frame[2] and box[1] >= frame[1] and box[3] <= frame[3]
            if inside and not any(_overlap(box, other) for other in taken):
                axes.annotate(
                    name, point, xytext=offset, textcoords="offset points", ha=align, va="center",
                    color=STAND_INS["ink"], zorder=5,
                )  # fmt: skip
                taken.append(box)
                break


def _candidates(at: tuple[float, ...], width: float) -> list[tuple[Box, tuple[float, float], str]]:
    """Boxes around a point, the nearest first, each with its offset and alignment."""
    found: list[tuple[Box, tuple[float, float], str]] = []
    for up in _OFFSETS:
        for side, align in ((1, "left"), (-1, "right")):
            start = at[0] + side * 9
            left, right = (start, start + width) if side > 0 else (start - width, start)
            middle = at[1] + up
            found.append(((left, middle - _LINE / 2, right, middle + _LINE / 2), (side * 9.0, up), align))
    return found


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
