"""The vertical axis of the pictures: what a variant loses against the original, in a unit that all rows share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from runtime.choose.limits import budget, known_drop_interval, share_of_budget
from runtime.choose.rule import drop_of
from runtime.measure.metric import known_scale, metric_text, shown_name
from runtime.measure.row import MeasuredRow


class Loss(NamedTuple):
    """What all rows of a model are compared by; more is worse.

    Attributes:
        axis: what is shown.
        zero: what the line at 0 is; empty where there is none.
        values: by row, what it loses; rows without a figure are missing.
        intervals: by row, the ends of the confidence interval; rows without one are missing.
        most: what may be lost; None where it differs from row to row, or nobody says.
        tick: the text of a value at the axis.
        logarithmic: whether the axis is: errors span many powers of ten.
    """

    axis: str
    zero: str
    values: dict[MeasuredRow, float]
    intervals: dict[MeasuredRow, tuple[float, float]]
    most: float | None
    tick: Callable[[float], str]
    logarithmic: bool


def loss_of(rows: Sequence[MeasuredRow]) -> Loss:
    """The loss of all rows of one model on one device.

    Where labelled data was there it is the paired difference to the original, which rows of fewer samples have too; of
    outputs with different metrics, as the share of each one's budget.  Elsewhere it is the largest error.
    """
    # What differs by less is rounding, and no reason to be on the front.
    drops = {row: round(lost, 9) for row in rows if (lost := drop_of(row, rows)) is not None}
    if not drops:
        return _largest_errors(rows)
    intervals = {row: span for row in drops if (span := known_drop_interval(row))}
    names = {(row.metric_name, row.scale) for row in drops}
    if len(names) > 1:
        used = {row: share_of_budget(row, lost) for row, lost in drops.items()}
        shares = {
            row: (share_of_budget(row, low), share_of_budget(row, high))
            for row, (low, high) in intervals.items()
        }
        return Loss(
            "Share of the budget used", "the original", used, shares, 1.0, lambda value: f"{value:.0%}", False
        )
    ((name, scale),) = names
    points = known_scale(scale).drop_unit == "points"
    label = shown_name(name)
    scores = {row.metric_original for row in drops if row.samples == max(r.samples or 0 for r in drops)}
    zero = f"the original, {metric_text(scale, scores.pop())}" if len(scores) == 1 else "the original"
    budgets = {budget(row) for row in drops if not row.variant.endswith("-float32")}
    return Loss(
        f"Change of {label}, in {'points' if points else '%'},",
        zero,
        drops,
        intervals,
        budgets.pop() if len(budgets) == 1 else None,
        (lambda value: _signed(-value)) if points else _signed,
        False,
    )


def _signed(value: float) -> str:
    shown = round(value, 3)
    return f"{shown:+g}".replace("-", "−") if shown else "0"


def _largest_errors(rows: Sequence[MeasuredRow]) -> Loss:
    errors = {row: row.max_abs_error for row in rows if row.max_abs_error is not None}
    least = min((error for error in errors.values() if error > 0), default=1e-9)
    # No error at all has no place on a logarithmic axis: it stands below the smallest one.
    values = {row: error if error > 0 else least / 3 for row, error in errors.items()}
    return Loss(
        "Largest error, in units of the output,", "", values, {}, None, lambda value: f"{value:.0e}", True
    )
