"""The table of a model: what each column says of a row, and what it is sorted by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from runtime.choose.limits import known_drop_interval
from runtime.choose.rule import Choice, drop_of
from runtime.measure.metric import drop_text, known_scale, metric_text, plain, shown_name
from runtime.measure.row import MeasuredRow

NOTHING = "–"
# A sign and a word for each verdict: the colour says the same.
VERDICTS = {"ok": "✓ ok", "unproven": "? unproven", "failed": "✗ failed", "skipped": "· skipped"}


class Cell(NamedTuple):
    """What a table shows; the number that it is sorted by, None: by the number or the text that is shown; its class."""

    text: str
    key: float | None = None
    kind: str = ""

    @property
    def says(self) -> bool:
        """Whether it has a figure or a word."""
        return self.text not in ("", NOTHING)


class Column(NamedTuple):
    """One column: its heading, what it means, the cell of a row, and whether it holds numbers."""

    heading: str
    meaning: str
    cell: Callable[[MeasuredRow], Cell]
    numbers: bool = True


class Line(NamedTuple):
    """One line of a table: its class, and its cells."""

    kind: str
    cells: list[Cell]


class Table(NamedTuple):
    """The columns that say something, those of words first, and the lines; `groups` are devices with their columns."""

    columns: list[Column]
    lines: list[Line]
    groups: Mapping[str, int] = MappingProxyType({})

    @property
    def words(self) -> int:
        """How many columns of words come first."""
        return next((at for at, column in enumerate(self.columns) if column.numbers), len(self.columns))


class Answered(NamedTuple):
    """The rows of one model on one device, what the rule says of them, and by name the rows on a front."""

    rows: Sequence[MeasuredRow]
    choice: Choice
    fronts: Mapping[str, Sequence[MeasuredRow]]


def table(answered: Answered) -> Table:
    """The table of all rows of one model on one device; columns without a figure are left out."""
    rows = answered.rows
    shown = [column for column in _columns(answered) if any(column.cell(row).says for row in rows)]
    lines = [Line(_kind(row, answered.choice), [column.cell(row) for column in shown]) for row in rows]
    return Table(shown, lines)


_OF_A_DEVICE = (
    "choice",
    "p50 µs",
    "p99 µs",
    "MiB",
    "mJ",
    "disturbed",
)  # beside each other even where they agree
_LEFT_OUT = ("front", "max error")  # of little use beside another device's


def tables(devices: Mapping[str, Answered]) -> tuple[Table, Table]:
    """Of several devices the table of what they agree on, and the table of what differs, side by side.

    A column is in the first where no file has different cells on two devices.
    """
    by_key = {name: {_key(row): row for row in each.rows} for name, each in devices.items()}
    keys = list(dict.fromkeys(key for rows in by_key.values() for key in rows))
    columns: dict[str, Column] = {}
    cells: dict[tuple[str, str], list[Cell]] = {}  # by heading and device
    for name, each in devices.items():
        for column in _columns(each):
            rows = [by_key[name].get(key) for key in keys]
            found = [Cell(NOTHING) if row is None else column.cell(row) for row in rows]
            if any(cell.says for cell in found):
                columns.setdefault(column.heading, column)
                cells[column.heading, name] = found
    agreed: dict[str, list[Cell]] = {}
    for heading in columns:
        by_file = [*zip(*(its for (mine, _), its in cells.items() if mine == heading), strict=True)]
        alike = all(len({cell.text for cell in same if cell.says}) < 2 for same in by_file)
        if alike and heading not in _OF_A_DEVICE:
            agreed[heading] = [next((cell for cell in same if cell.says), same[0]) for same in by_file]
    ships = [
        any(by_key[name].get(key) == each.choice.row is not None for name, each in devices.items())
        for key in keys
    ]

    def made(chosen: Sequence[tuple[str, list[Cell]]], groups: Mapping[str, int]) -> Table:
        lines = [
            Line("ship-row" if ship else "", [its[at] for _, its in chosen]) for at, ship in enumerate(ships)
        ]
        return Table([columns[heading] for heading, _ in chosen], lines, groups)

    names = [(heading, its) for heading, its in agreed.items() if heading in ("variant", "engine", "threads")]
    own = {
        name: [
            (heading, its)
            for (heading, device), its in cells.items()
            if device == name and heading not in agreed and heading not in _LEFT_OUT
        ]
        for name in devices
    }
    side_by_side = [*names, *(each for its in own.values() for each in its)]
    return made([*agreed.items()], {}), made(
        side_by_side, {"": len(names)} | {n: len(its) for n, its in own.items()}
    )


def _key(row: MeasuredRow) -> tuple[str, str, int]:
    return row.variant, row.engine, row.threads or 1


def _kind(row: MeasuredRow, choice: Choice) -> str:
    return "ship-row" if row == choice.row else "" if row.passed else "out"


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
    text = drop_text(row.scale, amount) if unit else plain(amount)
    if span := known_drop_interval(row):
        text += f" ({plain(span[0])} to {plain(span[1])})"
    return text.replace("-", "−")


def _number(value: float | None, text: Callable[[float], str]) -> Cell:
    return Cell(NOTHING) if value is None else Cell(text(value), value)


def _latency(name: str, what: str) -> Column:
    def cell(row: MeasuredRow) -> Cell:
        return _number(getattr(row, f"latency_us_{name}"), lambda us: f"{us:,.{us < 100:d}f}")

    return Column(f"{name} µs", f"latency of a single call, {what}", cell)


def _columns(answered: Answered) -> list[Column]:
    """All columns, those of words first."""
    rows, choice, fronts = answered
    names = {row.metric_name for row in rows if row.metric is not None}
    metric = shown_name(*names) if len(names) == 1 else "metric"
    units = list({known_scale(row.scale).drop_unit for row in rows if row.metric is not None})
    looks = len({row.samples for row in rows if row.samples}) > 1
    several = len({row.threads for row in rows if row.threads}) > 1
    disturbed = any(row.blocks_disturbed for row in rows)
    return [
        Column("variant", "format and scheme", lambda row: Cell(row.variant), numbers=False),
        Column("engine", "what ran it", lambda row: Cell(row.engine), numbers=False),
        Column("verdict", "of the gate", lambda row: Cell(VERDICTS[row.status], kind=row.status), numbers=False),
        Column("choice", "of the rule", lambda row: Cell(role(row, choice)), numbers=False),
        Column("output", "the one that lost most", lambda row: Cell(row.output or ""), numbers=False),
        Column("threads", "for one call", lambda row: _number(row.threads if several else None, str)),
        Column("KiB", "size of the file", lambda row: _number(row.size_bytes, lambda size: f"{size / 1024:,.1f}")),
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
        Column(
            "disturbed", "blocks that stayed so",
            lambda row: _number(row.blocks_disturbed if disturbed else None, "{:,}".format),
        ),
        Column(
            "front", "none is better in both this and what it loses",
            lambda row: Cell(", ".join(name for name, on in fronts.items() if row in on)), numbers=False,
        ),
    ]  # fmt: skip
