"""docs/layers.md: the table of layers, formats and engines, and every reason for what is not there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.layers.row import Row
from bench.layers.rows import NO_LAYERS, NOT_BUILT, SECTIONS
from export.formats.unsupported import RULES
from runtime.backends import ENGINES

LIMIT = 1e-5  # of the largest answer, at least of 1: float32 adds up in another order
_LONGEST = 300  # characters of what a converter or an engine says
_REFUSAL = "the layer "  # how the sentences of export/formats/unsupported.py begin
MISSING = "no such layer in Keras"
_HEAD = f"""\
# Layers

Every class of `keras.layers`, exported in a small model to float32 files. Each file answers for one row and for three,
and for the same three again; the figure is the largest difference to what Keras answers, as a fraction of the largest
answer where that is beyond 1. At most {LIMIT:g} is right. Printed by `python -m bench layers`.
"""


@dataclass(frozen=True)
class Cell:
    """One row on one engine: the largest difference to Keras, or why there is none."""

    difference: float | None = None
    reason: str = ""

    @property
    def refused(self) -> bool:
        """Whether a rule says what is the matter and what to do."""
        return self.reason.startswith(_REFUSAL)

    @property
    def wrong(self) -> bool:
        """Whether the answers are off, or something fails that no rule names."""
        expected = self.refused or self.reason.startswith(MISSING)
        return not expected if self.difference is None else not self.difference <= LIMIT

    @property
    def mark(self) -> str:
        """Such as "ok, 1e-7": rounded up to a power of ten, which is the same on every machine."""
        if self.difference is None:
            return "**fails**" if self.wrong else "refused" if self.refused else "not there"
        if self.wrong:
            return f"**wrong, {self.difference:.1g}**"
        if self.difference == 0:
            return "ok, equal"
        return f"ok, 1e{math.ceil(math.log10(self.difference))}"


def text(rows: Sequence[Row], cells: Mapping[tuple[Row, str], Cell]) -> str:
    """The page for these rows."""
    engines = [engine for engine in ENGINES if any(name == engine for _, name in cells)]
    lines = [_HEAD]
    for title, section in SECTIONS.items():
        shown = [row for row in section if row in rows]
        if shown:
            lines += [f"## {title}", "", *_table(shown, engines, cells), "", *_reasons(shown, engines, cells)]
    return "\n".join([*lines, *_unbuilt()])


def _table(
    rows: Sequence[Row], engines: Sequence[str], cells: Mapping[tuple[Row, str], Cell]
) -> Iterator[str]:
    yield f"| layer | settings | input | {' | '.join(engines)} |"
    yield "|" + "---|" * (3 + len(engines))
    for row in rows:
        marks = " | ".join(cells[row, engine].mark for engine in engines)
        settings = f"`{row.settings}`" if row.settings else ""
        yield f"| {row.layer} | {settings} | {row.given} | {marks} |"


def _reasons(
    rows: Sequence[Row], engines: Sequence[str], cells: Mapping[tuple[Row, str], Cell]
) -> Iterator[str]:
    """Each reason once, with the rows and engines it is for."""
    told: dict[tuple[Row, str], list[str]] = {}
    for row in rows:
        for engine in engines:
            if cells[row, engine].reason:
                told.setdefault((row, cells[row, engine].reason), []).append(engine)
    for (row, reason), where in told.items():
        short = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}…"
        yield f"- `{row.name}` on {', '.join(where)}: {short}"
    if told:
        yield ""


def _unbuilt() -> Iterator[str]:
    yield "## Classes that are not in the tables"
    yield ""
    for name in NOT_BUILT:
        (rule,) = (rule for rule in RULES if name in rule.classes)
        yield f"- {name}: refused: it {rule.reason}; {rule.remedy}"
    for name, reason in NO_LAYERS.items():
        yield f"- {name} {reason}"
