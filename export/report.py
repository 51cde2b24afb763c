"""The report: one row for each model, variant and engine; as JSON, as Markdown and as a table on the console."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from runtime.atomic import write_file


@dataclass
class Row:
    """What was measured of one variant on one engine.  None: not measured.

    Accuracies and agreements are fractions; rmse and errors are in the output's unit; latencies are microseconds a
    single call of one sample, one thread.
    """

    model: str
    variant: str
    engine: str
    engine_version: str | None = None
    status: str = "ok"
    reason: str | None = None
    size_bytes: int | None = None
    metric_name: str | None = None
    metric: float | None = None
    metric_original: float | None = None
    max_abs_error: float | None = None
    mean_abs_error: float | None = None
    sqnr_db: float | None = None
    top1_agreement: float | None = None
    split: str | None = None
    samples: int | None = None
    latency_us_p50: float | None = None
    latency_us_p90: float | None = None
    latency_us_p99: float | None = None
    calls: int | None = None

    def take(self, measured: Mapping[str, Any]) -> None:
        """Take over the numbers that have a column here."""
        columns = {column.name for column in fields(self)}
        for name, value in measured.items():
            if name in columns:
                setattr(self, name, value)

    def fail(self, reason: str) -> None:
        """Mark the row as failed, with the reason in one line."""
        self.status, self.reason = "failed", " ".join(reason.split())

    @property
    def metric_difference(self) -> float | None:
        """Metric minus the original's."""
        if self.metric is None or self.metric_original is None:
            return None
        return self.metric - self.metric_original


def to_json(rows: list[Row], **more: Any) -> bytes:
    """The rows as `{"rows": [...]}`, with more keys beside them."""
    return (json.dumps(more | {"rows": [asdict(row) for row in rows]}, indent=1) + "\n").encode()


def from_json(path: Path) -> list[Row]:
    """The rows a report.json holds; unknown keys are left out."""
    columns = {column.name for column in fields(Row)}
    return [
        Row(**{name: value for name, value in row.items() if name in columns})
        for row in json.loads(path.read_bytes())["rows"]
    ]


def write(rows: list[Row], out: Path) -> None:
    """Write `out`/report.json and `out`/report.md."""
    write_file(out / "report.json", to_json(rows))
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


def cells(row: Row) -> list[str]:
    """One row as text, in the order of the columns."""
    percent = row.metric_name == "accuracy"
    difference = row.metric_difference
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


def _heading(rows: list[Row]) -> str:
    """What a table of one model needs to be read: the original's metric, samples, calls."""
    first = rows[0]
    if first.metric_original is None:
        original = "no metric recorded"
    elif first.metric_name == "accuracy":
        original = f"accuracy {first.metric_original:.2%}"
    else:
        original = f"RMSE {first.metric_original:.4g}"
    splits = {f"{row.samples:,} {row.split} samples" for row in rows if row.samples}
    calls = [row.calls for row in rows if row.calls]
    timed = f"{min(calls)} to {max(calls)} single calls a row, 1 thread" if calls else "not timed"
    return f"{first.model}: the original's {original}; {', '.join(sorted(splits)) or 'nothing verified'}; {timed}"


def notes(rows: list[Row], said: Collection[str] = ()) -> list[str]:
    """Each reason once, with the rows it is about; without those in `said`."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row.reason and row.reason not in said:
            found.setdefault(row.reason, []).append(row)
    return [f"{_these(about, rows)}: {reason}" for reason, about in found.items()]


def _these(about: list[Row], rows: list[Row]) -> str:
    if len(about) == len(rows) > 1:
        return "all rows"
    engine = about[0].engine
    if len(about) > 1 and about == [row for row in rows if row.engine == engine]:
        return f"all rows on {engine}"
    return ", ".join(f"{row.variant} on {row.engine}" for row in about)


def absent(rows: list[Row]) -> dict[str, str]:
    """Why an engine ran nothing of a whole report, by reason: the sentence that says so, once for all models."""
    found = {}
    for engine in dict.fromkeys(row.engine for row in rows):
        mine = [row for row in rows if row.engine == engine and row.status != "failed"]
        reasons = {row.reason if row.status == "skipped" else None for row in mine}
        if len(reasons) == 1 and (reason := reasons.pop()):
            found[reason] = f"nothing ran on {engine}: {reason}"
    return found


def choice(rows: list[Row]) -> str | None:
    """Which variant to ship, in words: the fastest that passed, and the smallest where that is another."""
    passed = [row for row in rows if row.status == "ok" and row.engine != "tensorflow" and row.latency_us_p50]
    if not passed:
        return None
    fastest = min(passed, key=lambda row: row.latency_us_p50 or 0)
    smallest = min(passed, key=lambda row: (row.size_bytes or 0, row.latency_us_p50 or 0))
    if smallest.variant == fastest.variant:
        return f"fastest and smallest here: {fastest.variant} on {fastest.engine}"
    return f"fastest here: {fastest.variant} on {fastest.engine}; smallest: {smallest.variant}"


def show(rows: list[Row], console: Console) -> None:
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
        best = choice(mine)
        if best:
            console.print(f"  {best}", highlight=False, markup=False)
        console.print()
    for note in once.values():
        console.print(note, style="yellow", highlight=False, markup=False)


def markdown(rows: list[Row]) -> str:
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
        parts += [f"- {note}" for note in (*notes(mine, once), *filter(None, [choice(mine)]))]
        parts.append("")
    return "\n".join(parts)
