"""The one rule which variant to ship, from measured rows and limits; and its answer in one line."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runtime.choose.limits import LATENCIES, SAME_WIDTH, TIE_WIDTH, Limits, Problem, problems
from runtime.measure.metric import drop, known_scale, metric_text, shown_name
from runtime.measure.row import MeasuredRow
from runtime.namedtuples import FastNamedTuple

DEFAULT_LIMITS = Limits()
_MOST_NAMES = 3  # so many of the tied rows stand in the sentence


class Exclusion(FastNamedTuple):
    """A row that may not be shipped: the first limit that excludes it, and why in words.

    `undecided`: by their intervals, its figures may keep all limits or not.

    `limit` is "format" for a SavedModel, "verdict" for a row that is neither ok nor unproven, "latency" for one whose
    latency was not measured, or the name of a field of `Limits`.
    """

    row: MeasuredRow
    limit: str
    why: str
    undecided: bool = False


class Choice(FastNamedTuple):
    """The answer of the rule: the row to ship or None, the rows tied with it, why, and the rows that are out."""

    row: MeasuredRow | None
    tied: tuple[MeasuredRow, ...]
    why: str
    excluded: tuple[Exclusion, ...]


def choose(rows: Sequence[MeasuredRow], limits: Limits = DEFAULT_LIMITS) -> Choice:
    """Which row to ship, of all rows of one model on one machine; their order does not matter.

    Of the rows that are ok or unproven, can run on a device and are within all limits, the fastest wins. Those that
    the measurement cannot tell from the fastest are tied with it; of these the smallest file wins, then the fewest
    threads, then the lower upper end of the latency, then the name. All of this follows from the ends of the
    intervals: another run whose figures lie within them gives the same answer. Where an interval reaches over a limit,
    it is undecided whether the row keeps it: the row is not shipped, and where that may change the answer, it is said.

    Raises:
        BundleError: a metric is unknown.
    """
    found = {row: _problems(row, rows, limits) for row in sorted(rows, key=_name)}
    excluded = tuple(_exclusion(row, broken[0]) for row, broken in found.items() if broken)
    within = [row for row, broken in found.items() if not broken]
    undecided = {row: broken for row, broken in found.items() if broken and broken[0].undecided}
    if not within:
        why = _why_undecided(undecided) if undecided else _why_nothing(found)
        return Choice(None, (), why, excluded)
    tied = sorted(_fastest(within), key=_preference)
    maybe = [row for row in undecided if min(_fastest([*within, row]), key=_preference) is not tied[0]]
    return Choice(tied[0], tuple(tied[1:]), _why(within, tied) + _maybe(maybe), excluded)


def _exclusion(row: MeasuredRow, problem: Problem) -> Exclusion:
    why = f"undecided: {problem.why}" if problem.undecided else problem.why
    return Exclusion(row, problem.limit, why, problem.undecided)


def within_but_latency(rows: Sequence[MeasuredRow], limits: Limits) -> list[MeasuredRow]:
    """The rows that nothing excludes for certain but, where it was not measured yet, their latency."""
    return [
        row
        for row in rows
        if all(each.undecided or each.limit.startswith("latency") for each in _problems(row, rows, limits))
    ]


def drop_of(row: MeasuredRow, rows: Sequence[MeasuredRow]) -> float | None:
    """What a row's variant loses, in percentage points of accuracy or percent of RMSE; None where not measured.

    On the test split it is compared with the original. On other data the original was never measured: there the best
    float32 variant among `rows`, measured on the same data, stands for it, and the original only where there is none.

    Raises:
        BundleError: the metric is unknown.
    """
    if row.metric is None:
        return None
    stand_ins = [] if row.split == "test" else _float32_metrics(row, rows)
    reference = known_scale(row.scale).best(stand_ins) if stand_ins else row.metric_original
    return None if reference is None else drop(row.scale, row.metric, reference)


def _float32_metrics(row: MeasuredRow, rows: Sequence[MeasuredRow]) -> list[float]:
    """The metrics of the float32 variants that were measured on the same data as a row."""
    same = (row.model, row.output, row.metric_name, row.split, row.samples)
    return [
        other.metric
        for other in rows
        if other.metric is not None and other.passed and other.variant.endswith("-float32")
        if (other.model, other.output, other.metric_name, other.split, other.samples) == same
    ]


def _problems(row: MeasuredRow, rows: Sequence[MeasuredRow], limits: Limits) -> list[Problem]:
    """Everything that excludes a row; the first is the one to name. What is undecided comes last."""
    return sorted(_all_problems(row, rows, limits), key=lambda problem: problem.undecided)


def _all_problems(row: MeasuredRow, rows: Sequence[MeasuredRow], limits: Limits) -> Iterator[Problem]:
    if row.variant == "saved_model" or row.engine == "tensorflow":
        yield Problem("format", None, "a SavedModel is code and stays on the export machine")
    if not row.passed:
        yield Problem("verdict", None, row.reason or row.status)
    yield from problems(row, drop_of(row, rows), limits)


def _fastest(rows: Sequence[MeasuredRow]) -> list[MeasuredRow]:
    """The rows of which no other is faster for certain: those that may be as fast as the fastest is at least.

    Where rows were ranked side by side, the intervals of the ratios say so, and a row without one was left far behind.
    Ratios less than SAME_WIDTH apart are alike.  Else the intervals of the medians do; where a row has none, TIE_WIDTH.
    """
    ranked = any(row.slower_high is not None for row in rows)
    spans = {row: _ratio_span(row) if ranked else _latency_span(row) for row in rows}
    slowest = min(high for _, high in spans.values()) * (1 + SAME_WIDTH if ranked else 1)
    return [row for row, (low, _) in spans.items() if low <= slowest]


def _ratio_span(row: MeasuredRow) -> tuple[float, float]:
    if row.slower_low is None or row.slower_high is None:
        return math.inf, math.inf
    return row.slower_low, row.slower_high


def _latency_span(row: MeasuredRow) -> tuple[float, float]:
    median = _latency(row)
    return (
        median if row.latency_us_low is None else row.latency_us_low,
        median * (1 + TIE_WIDTH) if row.latency_us_high is None else row.latency_us_high,
    )


def _latency(row: MeasuredRow) -> float:
    return math.inf if row.latency_us_p50 is None else row.latency_us_p50


def _preference(row: MeasuredRow) -> tuple[Any, ...]:
    """The order of rows that are as fast as each other."""
    size = math.inf if row.size_bytes is None else row.size_bytes
    return size, row.threads or 1, _latency_span(row)[1], _name(row)


def _name(row: MeasuredRow) -> tuple[Any, ...]:
    return row.model, row.variant, row.engine, row.threads or 1


def _why(within: list[MeasuredRow], tied: list[MeasuredRow]) -> str:
    """Why the first of the tied rows is taken, of all rows within the limits."""
    chosen = tied[0]
    if len(within) == 1:
        return "the only one that may be used here"
    kept = "" if chosen.metric is None else f" that keep the {shown_name(chosen.metric_name)}"
    threads = len({row.threads for row in within}) > 1
    among = f"of the {len(within)}{kept}, it is the"
    if len(tied) == 1:
        others = [row for row in within if row is not chosen]
        following = min(others, key=lambda row: (_latency(row), _preference(row)))
        by = ""
        nearest = min(_ratio_span(row)[0] for row in others)
        if chosen.slower_high is not None and math.isfinite(nearest):
            by = f", by {nearest / chosen.slower_high - 1:.0%} at least"
        return f"{among} fastest{by}; next is {in_words(following, threads)}"
    names = [in_words(row, threads) for row in tied[1:]]
    more = [f"{len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    listed = ", ".join(names[:_MOST_NAMES] + more)
    return f"{among} {_first_by(tied)} of the {len(tied)} tied for the fastest; tied with it: {listed}"


def _first_by(tied: list[MeasuredRow]) -> str:
    """The property by which the first of the tied rows is preferred."""
    for what, of in zip(("smallest", "one with the fewest threads", "fastest"), range(3), strict=True):
        if any(_preference(row)[of] > _preference(tied[0])[of] for row in tied):
            return what
    return "first by name"


def _maybe(rows: Sequence[MeasuredRow]) -> str:
    """Says of which rows it is undecided whether they are within all limits, where they would change the answer."""
    if not rows:
        return ""
    names = [in_words(row) for row in rows[:_MOST_NAMES]]
    more = [f"{len(rows) - _MOST_NAMES} more"] if len(rows) > _MOST_NAMES else []
    return f"; undecided, and the answer might be another: {', '.join(names + more)}"


def _why_undecided(undecided: Mapping[MeasuredRow, list[Problem]]) -> str:
    """Of which row it is undecided whether it is within all limits, where no row is for certain."""
    first = min(_fastest([*undecided]), key=_preference)
    figures = "; ".join(problem.why for problem in undecided[first])
    return (
        f"it is undecided whether any variant is within all limits; the first is {in_words(first)}: {figures}"
    )


_NOTHING_LEFT = {
    "size_bytes": "every file is too large",
    "drop": "every variant loses too much",
    "latency": "no latency was measured",
    **dict.fromkeys(LATENCIES, "every variant is too slow"),
}


def _why_nothing(found: Mapping[MeasuredRow, list[Problem]]) -> str:
    """Which limit excludes all rows; where no limit does alone, how many each excludes."""
    sound = {row: broken for row, broken in found.items() if broken[0].limit not in ("format", "verdict")}
    if not sound:
        verdicts = any(broken[0].limit == "verdict" for broken in found.values())
        return "no variant agrees with the original here" if verdicts else "there is no variant for a device"
    for limit, sentence in _NOTHING_LEFT.items():
        its = [
            (row, problem)
            for row, broken in sound.items()
            for problem in broken
            if problem.limit == limit and not problem.undecided
        ]
        if len(its) == len(sound):
            nearest, problem = min(its, key=lambda pair: math.inf if pair[1].value is None else pair[1].value)
            return f"{sentence}; the nearest is {in_words(nearest)}: {problem.why}"
    counted = Counter(broken[0].limit for broken in sound.values())
    return (
        f"no variant is within all limits: {', '.join(f'{name} excludes {n}' for name, n in counted.items())}"
        f"{_one_limit_less(sound)}"
    )


def _one_limit_less(sound: Mapping[MeasuredRow, list[Problem]]) -> str:
    """Which limits would have to go alone for something to be left, and the nearest row to each."""
    parts = []
    for limit in dict.fromkeys(problem.limit for broken in sound.values() for problem in broken):
        left = {
            row: broken[0].value
            for row, broken in sound.items()
            if {problem.limit for problem in broken} == {limit}
        }
        measured = {row: value for row, value in left.items() if value is not None}
        if measured:
            parts.append(f"without {limit} there is {in_words(min(measured, key=measured.__getitem__))}")
    return "".join(f"; {part}" for part in parts)


def in_words(row: MeasuredRow, threads: bool = False) -> str:
    """A row by the names of its variant and engine, and the number of threads where that matters."""
    count = row.threads or 1
    return f"{row.variant} with {row.engine}" + (f", {count} thread{'s'[: count > 1]}" if threads else "")


def ship_line(choice: Choice) -> str:
    """One line that says which file to ship, why, and what it takes."""
    row = choice.row
    if row is None:
        return f"Ship nothing: {choice.why}."
    takes = f"{_latency(row):.1f} µs"
    if row.size_bytes is not None:
        takes += f" and {row.size_bytes / 1024:,.1f} KiB"
    name = shown_name(row.metric_name) if row.metric_name else None
    score = f"{name or 'budget'} not {'measured' if name else 'checked'}"
    if row.metric is not None:
        score = f"{name} {metric_text(row.scale, row.metric)}"
    elif row.max_abs_error is not None:
        score += f", largest error {row.max_abs_error:.2g}"
    threads = f", {row.threads} threads" if (row.threads or 1) > 1 else ""
    return (
        f"Ship {row.file or row.variant} with {row.engine}{threads}: {choice.why}. It takes {takes}; {score}."
    )
