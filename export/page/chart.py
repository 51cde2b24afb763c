"""The pictures: what variants lose against latency and against size, drawn by matplotlib, as SVG for a page.

Colours are variables of the page's style sheet, so that one picture is right on light and on dark ground.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from export.page import labels
from export.page.front import front
from export.page.loss import Loss
from export.page.svg import STAND_INS, Styles, for_a_page
from runtime.choose.rule import in_words
from runtime.measure.row import MeasuredRow

Places = Mapping[MeasuredRow, tuple[float, float]]
# The shape says which engine it is, and so does the colour.
MARKERS = {"litert": "o", "tflite-runtime": "^", "onnxruntime": "s", "tensorflow": "D"}
FAILED = "X"
_DASHES = ("solid", "dashed", "dotted", "dashdot")  # of several devices each has a line of its own
_INCHES = (5.6, 3.3)  # 72 units of the SVG each, which a page shows as pixels
_EDGES = {"left": 0.115, "right": 0.985, "top": 0.97, "bottom": 0.16}
# Where an axis spans more than so many times, its ticks stand at these multiples of powers of ten.
_TICKS = ((200, (1.0,)), (12, (1.0, 3.0)), (5, (1.0, 2.0, 5.0)), (0, (1.0, 2.0, 3.0, 5.0, 7.0)))
_NARROW = 2  # and where it spans less than this, at round numbers


class Across(NamedTuple):
    """The horizontal axis: its label, a row's value, the end of its whisker to the right, and the text of a tick."""

    label: str
    value: Callable[[MeasuredRow], float | None]
    end: Callable[[MeasuredRow], float | None]
    tick: Callable[[float], str]


class Chart(NamedTuple):
    """One picture: the `svg` element, what is against what, and the unit of the vertical axis."""

    svg: str
    title: str
    zero: str


def microseconds(value: float) -> str:
    """A latency with the unit that makes it short."""
    for size, unit in ((1e6, "s"), (1e3, "ms")):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} µs"


def kib(value: float) -> str:
    """A number of KiB."""
    return f"{value:,.0f} KiB" if value >= 10 else f"{value:.2g} KiB"


LATENCY = Across("latency", lambda row: row.latency_us_p50, lambda row: row.latency_us_p99, microseconds)
SIZE = Across("size", lambda row: row.size_bytes and row.size_bytes / 1024, lambda row: None, kib)


def places(rows: Sequence[MeasuredRow], loss: Loss, across: Across) -> dict[MeasuredRow, tuple[float, float]]:
    """Where the rows stand that have both figures."""
    return {
        row: (at, loss.values[row])
        for row in rows
        if row in loss.values and (at := across.value(row)) is not None and at > 0
    }


def on_front(where: Places) -> list[MeasuredRow]:
    """The front of those that a device could run, from left to right."""
    return front({row: place for row, place in where.items() if row.passed and row.engine != "tensorflow"})


class Drawn(NamedTuple):
    """What one device has to show: the rows and where they stand, what they lose, and which one is recommended."""

    where: Places
    loss: Loss
    chosen: MeasuredRow | None


class _Picture(NamedTuple):
    """What is in one picture: all rows with their places, what they lose, the front of each device, the recommended."""

    where: dict[MeasuredRow, tuple[float, float]]
    loss: Loss
    fronts: dict[str, list[MeasuredRow]]
    chosen: dict[str, MeasuredRow]

    def names(self) -> dict[tuple[float, float], str]:
        """What is written beside which point; of several devices, which one it is beside what is recommended."""
        if len(self.fronts) > 1:
            return {self.where[row]: f"{device}: {row.variant}" for device, row in self.chosen.items()}
        named = dict.fromkeys(
            [*self.chosen.values(), *(row for best in self.fronts.values() for row in best)]
        )
        variants = [row.variant for row in named]
        return {
            self.where[row]: row.variant
            if variants.count(row.variant) == 1
            else f"{row.variant}, {row.engine}"
            for row in named
        }


def _picture(devices: Mapping[str, Drawn]) -> _Picture:
    """Of one device everything; of several the fronts and what is recommended, or nobody could tell them apart."""
    first = next(iter(devices.values()))
    alike = {name: each for name, each in devices.items() if each.loss.axis == first.loss.axis}
    fronts = {name: on_front(each.where) for name, each in alike.items()}
    chosen = {
        name: each.chosen
        for name, each in alike.items()
        if each.chosen is not None and each.chosen in each.where
    }
    where = {
        row: place
        for name, each in alike.items()
        for row, place in each.where.items()
        if len(alike) == 1 or row in fronts[name] or row == each.chosen
    }
    intervals = {row: ends for each in alike.values() for row, ends in each.loss.intervals.items()}
    return _Picture(where, first.loss._replace(intervals=intervals), fronts, chosen)


def draw(devices: Mapping[str, Drawn], across: Across, name: str, styles: Styles) -> Chart | None:
    """A picture of one model; None where fewer than two rows have a place in it.

    Args:
        devices: what each has to show, at least one; those with another scale than the first are left out.
        across: the horizontal axis.
        name: a prefix of the identifiers in the picture, unique on the page.
        styles: the classes of the page.
    """
    shown = _picture(devices)
    if len(shown.where) < 2:
        return None
    loss = shown.loss
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "edgeproof", "font.size": 11}):
        figure = Figure(figsize=_INCHES, frameon=False)
        canvas = FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        figure.subplots_adjust(**_EDGES)
        axes.patch.set_visible(False)
        axes.set_ylim(*_limits(shown.where, loss))
        _axes(axes, loss, across, shown.where)
        _lines(axes, shown)
        _points(axes, across, shown)
        labels.put(axes, shown.names(), list(shown.where.values()))
        written = io.BytesIO()
        canvas.print_svg(written, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    title = f"{loss.axis} against {across.label}" + (
        ": the fronts of the devices" if len(shown.fronts) > 1 else ""
    )
    return Chart(
        for_a_page(written.getvalue(), name, styles, title, _described(across, shown)), title, loss.zero
    )


def _axes(axes: Any, loss: Loss, across: Across, where: Places) -> None:
    axes.set_xscale("log")
    least = min(x for x, _ in where.values())
    most = max(across.end(row) or x for row, (x, _) in where.items())
    margin = max((most / least) ** 0.05, 1.05)
    axes.set_xlim(least / margin, most * margin)
    if most / least > _NARROW:
        subs = next(ticks for times, ticks in _TICKS if most / least > times)
        axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=9))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: across.tick(value)))
    if loss.logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(numticks=6))
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: loss.tick(value)))
    axes.set_xlabel({"latency": "latency of one call, from p50 to p99"}.get(across.label, "size of the file"))
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(STAND_INS["ink"])
    axes.tick_params(left=False, bottom=False)
    axes.grid(color=STAND_INS["faint"], linewidth=0.7)
    axes.set_axisbelow(True)


def _lines(axes: Any, shown: _Picture) -> None:
    """The original, the budget, and the fronts."""
    loss = shown.loss
    if not loss.logarithmic:
        axes.axhline(0, color=STAND_INS["ink"], linewidth=0.8)
    if loss.most is not None:
        axes.axhline(loss.most, color=STAND_INS["limit"], linewidth=1.2, linestyle=(0, (5, 3)))
        axes.annotate(
            "budget", (1, loss.most), xycoords=("axes fraction", "data"), ha="right", va="bottom",
            xytext=(0, 2), textcoords="offset points", color=STAND_INS["limit"],
        )  # fmt: skip
    for best, dashes in zip(shown.fronts.values(), cycle(_DASHES)):
        if len(best) > 1:
            xs, ys = zip(*(shown.where[row] for row in best), strict=True)
            axes.plot(
                xs,
                ys,
                color=STAND_INS["ink"],
                linewidth=1,
                linestyle=dashes,
                drawstyle="steps-post",
                zorder=2,
            )


def _points(axes: Any, across: Across, shown: _Picture) -> None:
    bottom, top = axes.get_ylim()
    best = {row for rows in shown.fronts.values() for row in rows}
    for row in sorted(shown.where, key=lambda row: row.engine):  # one behind the other they share an element
        x, y = shown.where[row]
        colour = STAND_INS.get(row.engine, STAND_INS["tensorflow"])
        end = across.end(row) or x
        low, high = shown.loss.intervals.get(row, (y, y))
        if y <= bottom:
            axes.plot(
                (x, end, np.nan, x, x), (y, y, np.nan, max(low, top), min(high, bottom)),
                color=colour, linewidth=1, alpha=0.5, zorder=1.5,
            )  # fmt: skip
        axes.plot(
            [x], [min(y, bottom)], FAILED if row.status == "failed" else MARKERS.get(row.engine, "P"),
            markersize=6.5, markeredgewidth=1.3, markeredgecolor=colour,
            markerfacecolor=colour if row in best else STAND_INS["ground"], zorder=3, clip_on=False,
            gid=f"{in_words(row, threads=(row.threads or 1) > 1)}: {across.tick(x)}, {shown.loss.tick(y)}",
        )  # fmt: skip
    for row in shown.chosen.values():
        axes.plot(
            *shown.where[row], "o", markersize=14, markerfacecolor="none", markeredgecolor=STAND_INS["ink"],
            markeredgewidth=1.4, zorder=4, clip_on=False,
        )  # fmt: skip


def _limits(where: Places, loss: Loss) -> tuple[float, float]:
    """The ends of the vertical axis, the worst first: all that passed and the budget are in view."""
    shown = [row for row in where if row.passed] or list(where)
    values = [where[row][1] for row in shown]
    values += [end for row in shown for end in loss.intervals.get(row, ())]
    if loss.logarithmic:
        return max(values) * 3, min(values) / 3
    values += [0.0] + ([loss.most] if loss.most is not None else [])
    margin = 0.08 * (max(values) - min(values) or 1.0)
    return max(values) + margin, min(values) - margin


def _described(across: Across, shown: _Picture) -> str:
    parts = [f"{len(shown.where)} points."]
    for device, best in shown.fronts.items():
        points = "; ".join(
            f"{in_words(row, threads=(row.threads or 1) > 1)}"
            f"{' (recommended)' if row == shown.chosen.get(device) else ''} "
            f"{across.tick(shown.where[row][0])}, {shown.loss.tick(shown.where[row][1])}"
            for row in best
        )
        parts.append(f"On the front{device and f' of {device}'}, from left to right: {points or 'none'}.")
    return " ".join(parts)
