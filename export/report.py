"""The report: one row for each model, variant and engine; as Markdown and as a table on the console."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import groupby
from typing import Any, Literal, NamedTuple

from rich.console import Console
from rich.table import Table

from export.targets import NOT_NEEDED, Target
from runtime.choose.rule import choose, ship_line
from runtime.measure.metric import known_scale, rounded, shown_name
from runtime.measure.row import MeasuredRow


def _points(row: MeasuredRow) -> bool:
    return row.scale is not None and known_scale(row.scale).drop_unit == "points"


def _metric(row: MeasuredRow) -> str:
    return _or_dash(row.metric, lambda value: f"{value:.2%}" if _points(row) else f"{value:.4g}")


def _difference(row: MeasuredRow) -> str:
    if row.metric is None or row.metric_original is None:
        return "–"
    found = row.metric - row.metric_original
    if _points(row):
        return f"{rounded(100 * found, 2):+.2f} pt"
    return f"{found:+.2g}" if row.metric_better else f"{rounded(found, 4):+.4f}"


class Column(NamedTuple):
    """A column of the table that people decide by: its heading, its alignment, and the text of a row's cell."""

    heading: str
    align: Literal["left", "right"]
    text: Callable[[MeasuredRow], str]


_OUTPUT = Column("output", "left", lambda row: _or_dash(row.output, str))
_COLUMNS = (
    Column("variant", "left", lambda row: row.variant),
    Column("engine", "left", lambda row: row.engine),
    Column("size", "right", lambda row: _or_dash(row.size_bytes, lambda size: f"{size / 1024:,.1f} KiB")),
    _OUTPUT,
    Column("metric", "right", _metric),
    Column("Δ", "right", _difference),
    Column("agree", "right", lambda row: _or_dash(row.top1_agreement, lambda value: f"{value:.2%}")),
    Column("max error", "right", lambda row: _or_dash(row.max_abs_error, lambda value: f"{value:.1e}")),
    Column("p50 µs", "right", lambda row: _or_dash(row.latency_us_p50, lambda value: f"{value:,.1f}")),
    Column("p90 µs", "right", lambda row: _or_dash(row.latency_us_p90, lambda value: f"{value:,.1f}")),
    Column("p99 µs", "right", lambda row: _or_dash(row.latency_us_p99, lambda value: f"{value:,.1f}")),
    Column("status", "left", lambda row: row.status),
)


def columns(rows: list[MeasuredRow]) -> list[Column]:
    """The columns of a table of one model; the output is among them where it has several."""
    return [column for column in _COLUMNS if column != _OUTPUT or any(row.output for row in rows)]


def _or_dash(value: Any, show: Any) -> str:
    return "–" if value is None else show(value)


def _heading(rows: list[MeasuredRow]) -> str:
    """What a table of one model needs to be read: the original's metric, samples, calls."""
    # Of a metric of the user's own, a row that has seen half of the samples knows the original's on those alone.
    scores = {
        (row.output, row.metric_name): _original(row, row.metric_original)
        for row in sorted(rows, key=lambda row: row.samples or 0)
        if row.metric_name and row.metric_original is not None
    }
    original = f"the original's {', '.join(scores.values())}" if scores else "no metric recorded"
    samples = [
        f"{_from_to([row.samples for row in rows if row.samples and row.split == split])} {split} samples"
        for split in sorted({row.split or "" for row in rows if row.samples})
    ]
    calls = [row.calls for row in rows if row.calls]
    timed = f"{_from_to(calls)} single calls a row, 1 thread" if calls else "not timed"
    return f"{rows[0].model}: {original}; {', '.join(samples) or 'nothing verified'}; {timed}"


def _from_to(numbers: list[int]) -> str:
    """The numbers from the smallest to the largest, in words."""
    least, most = min(numbers), max(numbers)
    return f"{most:,}" if least == most else f"{least:,} to {most:,}"


def _original(row: MeasuredRow, score: float) -> str:
    of = f" of {row.output}" if row.output else ""
    return f"{shown_name(row.metric_name)}{of} {f'{score:.2%}' if _points(row) else f'{score:.4g}'}"


def notes(rows: list[MeasuredRow], said: Collection[str] = ()) -> list[str]:
    """Each reason once, with the rows it is about; without those in `said`."""
    found: dict[str, list[MeasuredRow]] = {}
    for row in rows:
        if row.reason and row.reason not in said:
            found.setdefault(row.reason, []).append(row)
    return [f"{_these(about, rows)}: {reason}" for reason, about in found.items()]


def _these(about: list[MeasuredRow], rows: list[MeasuredRow]) -> str:
    if len(about) == len(rows) > 1:
        return "all rows"
    engine = about[0].engine
    if len(about) > 1 and about == [row for row in rows if row.engine == engine]:
        return f"all rows on {engine}"
    return ", ".join(f"{row.variant} on {row.engine}" for row in about)


def absent(rows: list[MeasuredRow]) -> dict[str, str]:
    """Why an engine ran nothing of a whole report, by reason: the sentence that says so, once for all models."""
    found = {}
    for engine in dict.fromkeys(row.engine for row in rows):
        mine = [row for row in rows if row.engine == engine and row.status != "failed"]
        reasons = {row.reason if row.status == "skipped" else None for row in mine}
        if len(reasons) == 1 and (reason := reasons.pop()):
            found[reason] = f"nothing ran on {engine}: {reason}"
    return found


def unneeded(rows: list[MeasuredRow], targets: list[Target]) -> str | None:
    """The sentence on the mixed targets that no model has a row of; None where there is none."""
    built = {row.variant for row in rows}
    names = [target.name for target in targets if target.mixed and target.name not in built]
    return f"{' and '.join(names)} {NOT_NEEDED}" if names else None


def show(rows: list[MeasuredRow], console: Console) -> None:
    """Prints one table for each model with its notes; notes that all models share come at the end."""
    once = absent(rows)
    for _, group in groupby(rows, key=lambda row: row.model):
        mine = list(group)
        table = Table(title=_heading(mine), title_justify="left", title_style="bold", header_style="bold")
        shown = columns(mine)
        for column in shown:
            table.add_column(column.heading, justify=column.align, no_wrap=True)
        for row in mine:
            style = {"failed": "red", "skipped": "dim"}.get(row.status, "")
            table.add_row(*(column.text(row) for column in shown), style=style)
        console.print(table)
        for note in notes(mine, once):
            console.print(f"  {note}", style="yellow", highlight=False, markup=False)
        console.print(f"  {ship_line(choose(mine))}", highlight=False, markup=False)
        console.print()
    for note in once.values():
        console.print(note, style="yellow", highlight=False, markup=False)


def markdown(rows: list[MeasuredRow]) -> str:
    """The same tables in Markdown."""
    once = absent(rows)
    parts = ["# Export report\n", *(f"{note}.\n" for note in once.values())]
    for model, group in groupby(rows, key=lambda row: row.model):
        mine = list(group)
        parts.append(f"## {model}\n\n{_heading(mine)}.\n")
        shown = columns(mine)
        head = " | ".join(column.heading for column in shown)
        rule = "|".join("---:" if column.align == "right" else "---" for column in shown)
        body = "\n".join(f"| {' | '.join(column.text(row) for column in shown)} |" for row in mine)
        parts.append(f"| {head} |\n|{rule}|\n{body}\n")
        parts += [f"- {note}" for note in (*notes(mine, once), ship_line(choose(mine)))]
        parts.append("")
    return "\n".join(parts)
