"""The report: one row for each model, variant and engine; as JSON, as Markdown and as a table on the console."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from runtime.atomic import write_file
from runtime.choose.rule import choose, ship_line
from runtime.measure.metric import known_metric
from runtime.measure.row import REPORT, MeasuredRow, rows_to_json


def write(rows: list[MeasuredRow], out: Path) -> None:
    """Write `out`/report.json, as docs/bundle.md specifies it, and `out`/report.md."""
    write_file(out / REPORT, rows_to_json(rows).encode())
    write_file(out / "report.md", markdown(rows).encode())


# The columns people decide by: heading, alignment, and the text of a row's cell.
_COLUMNS = (
    ("variant", "left"),
    ("engine", "left"),
    ("size", "right"),
    ("metric", "right"),
    ("Δ", "right"),
    ("agree", "right"),
    ("max error", "right"),
    ("p50 µs", "right"),
    ("p90 µs", "right"),
    ("p99 µs", "right"),
    ("status", "left"),
)


def cells(row: MeasuredRow) -> list[str]:
    """One row as text, in the order of the columns."""
    percent = row.metric_name is not None and known_metric(row.metric_name).drop_unit == "points"
    difference = (
        None if row.metric is None or row.metric_original is None else row.metric - row.metric_original
    )
    return [
        row.variant,
        row.engine,
        _or_dash(row.size_bytes, lambda size: f"{size / 1024:,.1f} KiB"),
        _or_dash(row.metric, lambda value: f"{value:.2%}" if percent else f"{value:.4g}"),
        _or_dash(difference, lambda value: f"{100 * value:+.2f} pt" if percent else f"{value:+.4f}"),
        _or_dash(row.top1_agreement, lambda value: f"{value:.2%}"),
        _or_dash(row.max_abs_error, lambda value: f"{value:.1e}"),
        _or_dash(row.latency_us_p50, lambda value: f"{value:,.1f}"),
        _or_dash(row.latency_us_p90, lambda value: f"{value:,.1f}"),
        _or_dash(row.latency_us_p99, lambda value: f"{value:,.1f}"),
        row.status,
    ]


def _or_dash(value: Any, show: Any) -> str:
    return "–" if value is None else show(value)


def _heading(rows: list[MeasuredRow]) -> str:
    """What a table of one model needs to be read: the original's metric, samples, calls."""
    scores = {
        _original(row.output, row.metric_name, row.metric_original): None
        for row in rows
        if row.metric_name and row.metric_original is not None
    }
    original = f"the original's {', '.join(scores)}" if scores else "no metric recorded"
    splits = {f"{row.samples:,} {row.split} samples" for row in rows if row.samples}
    calls = [row.calls for row in rows if row.calls]
    timed = f"{min(calls)} to {max(calls)} single calls a row, 1 thread" if calls else "not timed"
    return f"{rows[0].model}: {original}; {', '.join(sorted(splits)) or 'nothing verified'}; {timed}"


def _original(output: str | None, metric: str, score: float) -> str:
    of = f" of {output}" if output else ""
    return f"{_SHOWN.get(metric, metric)}{of} {score:.2%}" if metric != "rmse" else f"RMSE{of} {score:.4g}"


_SHOWN = {"f1": "F1"}


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


def show(rows: list[MeasuredRow], console: Console) -> None:
    """Print one table for each model, with what its rows have to say; what all models share comes at the end."""
    once = absent(rows)
    for _, group in groupby(rows, key=lambda row: row.model):
        mine = list(group)
        table = Table(title=_heading(mine), title_justify="left", title_style="bold", header_style="bold")
        for heading, align in _COLUMNS:
            table.add_column(heading, justify="right" if align == "right" else "left", no_wrap=True)
        for row in mine:
            style = {"failed": "red", "skipped": "dim"}.get(row.status, "")
            table.add_row(*cells(row), style=style)
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
        head = " | ".join(heading for heading, _ in _COLUMNS)
        rule = "|".join("---:" if align == "right" else "---" for _, align in _COLUMNS)
        body = "\n".join(f"| {' | '.join(cells(row))} |" for row in mine)
        parts.append(f"| {head} |\n|{rule}|\n{body}\n")
        parts += [f"- {note}" for note in (*notes(mine, once), ship_line(choose(mine)))]
        parts.append("")
    return "\n".join(parts)
