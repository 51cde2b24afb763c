"""The table of a model: what each column says of a row, and what it is sorted by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from runtime.choose.limits import known_drop_interval
from runtime.choose.rule import Choice, drop_of
from runtime.measure.metric import drop_text, known_scale, metric_text, shown_name
from runtime.measure.row import MeasuredRow

NOTHING = "–"
# A sign and a word for each verdict: the colour says the same.
VERDICTS = {"ok": "✓ ok", "unproven": "? unproven", "failed": "✗ failed", "skipped": "· skipped"}


class Cell(NamedTuple):
    """What a table shows, and the number that it is sorted by; None: by the number or the text that is shown."""

    text: str
    key: float | None = None


class Column(NamedTuple):
    """One column: its heading, what it means, the cell of a row, and whether it holds numbers."""

    heading: str
    meaning: str
    cell: Callable[[MeasuredRow], Cell]
    numbers: bool = True


class Table(NamedTuple):
    """The columns that say something of these rows, and by row their cells."""

    columns: list[Column]
    rows: list[tuple[MeasuredRow, list[Cell]]]


def table(rows: Sequence[MeasuredRow], choice: Choice, fronts: Mapping[str, Sequence[MeasuredRow]]) -> Table:
    """The table of all rows of one model on one device; columns without a figure are left out.

    Args:
        rows: all of them.
        choice: which of them is recommended, and what is not.
        fronts: by name, the rows on a front.
    """
    shown = [
        column
        for column in _columns(rows, choice, fronts)
        if any(column.cell(row).text not in ("", NOTHING) for row in rows)
    ]
    return Table(shown, [(row, [column.cell(row) for column in shown]) for row in rows])


def role(row: MeasuredRow, choice: Choice) -> str:
    """What the rule says of a row in a word or two; nothing of one that is allowed, and slower."""
    if row == choice.row:
        return "★ ship"
    if row in choice.tied:
        return "= tied"
    for out in choice.excluded:
        if out.row == row:
            limit = out.limit.removeprefix("latency_us_").replace("_", " ")
            return f"{'undecided' if out.undecided else 'out'}: {limit}"
    return ""


def lost(row: MeasuredRow, rows: Sequence[MeasuredRow], unit: bool = True) -> str:
    """What a variant loses, with its interval."""
    amount = drop_of(row, rows)
    if amount is None:
        return NOTHING
    text = drop_text(row.scale, amount) if unit else f"{amount:.2f}"
    if span := known_drop_interval(row):
        text += f" ({span[0]:.2f} to {span[1]:.2f})"
    return text.replace("-", "−")


def _number(value: float | None, text: Callable[[float], str]) -> Cell:
    return Cell(NOTHING) if value is None else Cell(text(value), value)


def _latency(name: str, what: str) -> Column:
    def cell(row: MeasuredRow) -> Cell:
        return _number(getattr(row, f"latency_us_{name}"), lambda us: f"{us:,.{us < 100:d}f}")

    return Column(f"{name} µs", f"latency of a single call, {what}", cell)


def _columns(
    rows: Sequence[MeasuredRow], choice: Choice, fronts: Mapping[str, Sequence[MeasuredRow]]
) -> list[Column]:
    names = {row.metric_name for row in rows if row.metric is not None}
    metric = shown_name(*names) if len(names) == 1 else "metric"
    units = list({known_scale(row.scale).drop_unit for row in rows if row.metric is not None})
    looks = len({row.samples for row in rows if row.samples}) > 1
    several = len({row.threads for row in rows if row.threads}) > 1
    return [
        Column("variant", "format and scheme", lambda row: Cell(row.variant), numbers=False),
        Column("engine", "what ran it", lambda row: Cell(row.engine), numbers=False),
        Column("threads", "for one call", lambda row: _number(row.threads if several else None, str)),
        Column("verdict", "of the gate", lambda row: Cell(VERDICTS[row.status]), numbers=False),
        Column("choice", "of the rule", lambda row: Cell(role(row, choice)), numbers=False),
        Column("KiB", "size of the file", lambda row: _number(row.size_bytes, lambda size: f"{size / 1024:,.1f}")),
        Column("output", "the one that lost most", lambda row: Cell(row.output or ""), numbers=False),
        Column(metric, "on labelled data", lambda row: _number(row.metric, lambda v: metric_text(row.scale, v))),
        Column(
            f"loses, {units[0]}" if len(units) == 1 else "loses",
            "against the original on the same samples, with the 95 % interval",
            lambda row: Cell(lost(row, rows, len(units) > 1), drop_of(row, rows)),
        ),
        Column("flips", "samples decided otherwise", lambda row: _number(row.flips, "{:,}".format)),
        Column(
            "samples", "that it was measured on", lambda row: _number(row.samples if looks else None, "{:,}".format)
        ),
        Column("max error", "distance to the original", lambda row: _number(row.max_abs_error, "{:.1e}".format)),
        *(_latency(*each) for each in (("p50", "the median"), ("p99", "99th percentile"))),
        Column("MiB", "peak memory of its process", lambda row: _number(row.peak_rss_mib, "{:,.0f}".format)),
        Column("mJ", "energy of one call, of the whole board", lambda row: _number(row.energy_mj, "{:.3g}".format)),
        Column("disturbed", "blocks that stayed so", lambda row: _number(row.blocks_disturbed, "{:,}".format)),
        Column(
            "front", "none is better in both this and what it loses",
            lambda row: Cell(", ".join(name for name, on in fronts.items() if row in on)), numbers=False,
        ),
    ]  # fmt: skip
