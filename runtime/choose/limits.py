"""The limits that a variant must keep to be shipped: all numbers of the rule, and what each limit says of a row."""

import math
from collections.abc import Iterator

from runtime.measure.metric import drop, drop_text, known_scale, plain
from runtime.measure.row import MeasuredRow
from runtime.namedtuples import FastNamedTuple

# What a variant may lose where nobody says otherwise, by the unit of its metric's drop: percentage points of a score
# that is a fraction, percent of an error. The gate of export holds every variant to the same budget.
BUDGETS = {"points": 0.3, "%": 1.0}
# Single latencies closer than this fraction are no reason to prefer one file: another run may turn them round.
TIE_WIDTH = 0.05
# The same file, loaded twice, differs by up to 0.7 % as memory happens to lie, and blocks side by side are sure of it.
# What is faster by less than this fraction is not called faster.
SAME_WIDTH = 0.02
# A drop is the difference of two quotients: exactly 0.3 points may come out as 0.30000000000000027.
_SLACK = 1e-9
_LEAST_BUDGET = 1e-9


class Limits(FastNamedTuple):
    """The most that is allowed of each quantity; None: no limit.

    `drop` and `budget` are percentage points of a score that is a fraction, or percent of an error. `drop` has to be
    kept by all that the interval of a drop holds; the budget by the drop itself, as at the gate of export, which calls
    it `unproven` where the interval is wider. Without both, a row's budget is the one it was exported with, or where it
    names none, that of BUDGETS. A row in which a limited quantity was not measured is beyond the limit; the budget that
    nobody asked for excludes only rows whose drop was measured.
    """

    drop: float | None = None
    size_bytes: int | None = None
    latency_us_p50: float | None = None
    latency_us_p90: float | None = None
    latency_us_p99: float | None = None
    budget: float | None = None


class Problem(FastNamedTuple):
    """A limit that a row does not keep for certain: its name, a value to order rows by, and why in words.

    The name is that of a field of Limits, or "latency" where no latency was measured. The value is the least that the
    quantity can be, or where that would keep the limit and the row is `undecided`, the most; None: not measured.
    """

    limit: str
    value: float | None
    why: str
    undecided: bool = False


# By each percentile that can be limited, the fields of the ends of its confidence interval.
LATENCIES = {
    "latency_us_p50": ("latency_us_low", "latency_us_high"),
    "latency_us_p90": ("latency_us_p90_low", "latency_us_p90_high"),
    "latency_us_p99": ("latency_us_p99_low", "latency_us_p99_high"),
}


def problems(row: MeasuredRow, drop: float | None, limits: Limits) -> Iterator[Problem]:
    """Every limit that a row does not keep for certain; `drop` is what its variant loses, None where not measured.

    A limit is kept where the whole interval of a quantity lies within it, broken where none of it does, and else
    undecided. A figure without an interval stands for itself.
    """
    size, most_size = row.size_bytes, limits.size_bytes
    if most_size is not None and size is None:
        yield Problem("size_bytes", None, "its size was not measured, and it is limited")
    elif most_size is not None and size is not None and size > most_size:
        yield Problem("size_bytes", size, f"its file has {size} bytes, more than the {most_size} allowed")
    if drop is not None:
        yield from _of_drop(row, drop, limits)
    elif limits.drop is not None or limits.budget is not None:
        yield Problem("drop", None, "what it loses was not measured, and the drop is limited")
    if row.latency_us_p50 is None:
        yield Problem("latency", None, "its latency was not measured")
        return
    for name in LATENCIES:
        most = getattr(limits, name)
        if most is not None:
            yield from _of_latency(row, name, most)


def _of_drop(row: MeasuredRow, drop: float, limits: Limits) -> Iterator[Problem]:
    """Of float32, which the gate holds to parity, an interval leaves nothing undecided."""
    most = limits.drop
    if most is None:
        if problem := drop_problem(row, drop, limits.budget):
            yield Problem("drop", drop, problem)
        return
    span = known_drop_interval(row)
    low, high = span or (drop, drop)
    if problem := drop_problem(row, low, most):
        yield Problem("drop", low, problem if span is None else drop_problem(row, max(low, drop), most))
    elif span and high > most + _SLACK and not row.variant.endswith("-float32"):
        why = (
            f"it loses {drop_text(row.scale, drop)} ({plain(low)} to {plain(high)}), and {most:g} are allowed"
        )
        yield Problem("drop", high, why, undecided=True)


def _of_latency(row: MeasuredRow, name: str, most: float) -> Iterator[Problem]:
    value, *ends = (getattr(row, field) for field in (name, *LATENCIES[name]))
    if value is None:
        yield Problem(name, None, f"its {name} was not measured, and it is limited")
        return
    low = value if ends[0] is None else ends[0]
    # Too few calls have a lower end alone.
    high = ends[1] if ends[1] is not None else value if ends[0] is None else math.inf
    span = f"{low:.1f}" if low == high else f"{low:.1f} to {high:.1f}"
    span = span if math.isfinite(high) else f"at least {low:.1f}"
    if low > most:
        yield Problem(name, low, f"its {name} is {span} µs, more than the {most:g} allowed")
    elif high > most:
        yield Problem(name, high, f"its {name} is {span} µs, and {most:g} are allowed", undecided=True)


def drop_problem(row: MeasuredRow, drop: float, most: float | None = None) -> str:
    """Why a drop is too much, in words; an empty string where it is not. `most` is None for the row's own budget."""
    allowed = budget(row) if most is None else most
    if drop <= allowed + _SLACK:
        return ""
    return f"it loses {drop_text(row.scale, drop)}, more than the {allowed:g} allowed"


def budget(row: MeasuredRow) -> float:
    """What a row's metric may lose, in its drop's unit: the budget it was exported with, or the usual one."""
    return BUDGETS[known_scale(row.scale).drop_unit] if row.budget is None else row.budget


def dropped(row: MeasuredRow) -> float | None:
    """What a row's metric lost against the original's on the same samples, in its drop's unit; None if not measured."""
    if row.metric is None or row.metric_original is None:
        return None
    return drop(row.scale, row.metric, row.metric_original)


def share_of_budget(row: MeasuredRow, lost: float) -> float:
    """What a drop is of a row's budget; of a budget of nothing, any drop is very much."""
    return lost / max(budget(row), _LEAST_BUDGET)


def known_drop_interval(row: MeasuredRow) -> tuple[float, float] | None:
    """The ends of the interval of what a row loses, as `drop_interval` gives them; None where it has no interval.

    The interval is that of the test split. Of an original without any error there is none in percent.
    """
    known = None not in (row.metric_drop_low, row.metric_drop_high)
    return drop_interval(row) if row.split == "test" and row.metric_original and known else None


def drop_interval(row: MeasuredRow) -> tuple[float, float]:
    """The ends of the interval of what a row loses, in percentage points or percent.

    The row has the interval, in its metric's unit, and the original's metric.
    """
    original, low, high = row.metric_original, row.metric_drop_low, row.metric_drop_high
    assert original is not None and low is not None and high is not None
    sign = -1 if known_scale(row.scale).drop_unit == "points" else 1
    return (
        drop(row.scale, original + sign * low, original),
        drop(row.scale, original + sign * high, original),
    )
