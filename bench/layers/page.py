"""docs/layers.md: the table of layers and targets, and every reason for what is not there."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bench.layers.row import Row
from bench.layers.rows import NO_LAYERS, NOT_BUILT, SECTIONS
from export.formats.format import NOTHING_TO_QUANTIZE
from export.formats.table import FORMATS
from export.formats.unsupported import RULES
from export.targets import PLAIN

# How far an answer may be off, as a fraction of the largest, at least of 1.
LIMITS: dict[str, float] = {
    "float32": 1e-5,  # the same arithmetic in another order of additions
    "float16": 1e-2,  # 11 significant bits
    "dynamic": 0.1,  # weights of 8 bits, values rounded at each call
    "int8": 0.1,  # 256 steps of each value
    "int16x8": 5e-2,  # weights of 8 bits
}
_LONGEST = 500  # characters of what a converter or an engine says
MISSING = "no such layer in Keras"
_NOTHING = "the model has nothing to quantize"
_RUNG_MARKS = ("", "¹", "²")
_HEAD = """\
# Layers

Every class of `keras.layers`, exported in a small model to all ten targets by the converters that `python -m export`
uses, and run on every engine. Each file answers for one row and for three, and for the same three again; the largest
difference to what Keras answers, as a fraction of the largest answer where that is beyond 1, may be"""
_LEGEND = """\
A layer without weights of its own has a Dense before it, or behind it where it takes whole numbers: a file in which
nothing carries weights is not quantized. Random weights and inputs are hard on eight bits; a trained model is held to
its metric instead, not to these figures. Where a layer's answer jumps (hard_shrink, threshold), nine in ten of its
numbers are compared in the schemes that round. A size of "?" is fixed, as `--shape` does.

- ok: right on all engines of the target. A small number is the step of the ladder of static schemes that it took: in
  TFLite ¹ {one}, ² {two}; in ONNX ¹ {two}
- ok, not ENGINE: right on the other; this engine has no kernel for an op, says so and refuses the file
- refused: the reason stands below the table, with what to do
- –: nothing to quantize; where the layer has weights, the reason stands below the table, with what to use instead

Printed by `python -m bench layers` on {machine} with
{packages}.
"""
_PACKAGES = (
    "keras", "tensorflow", "tf2onnx", "litert-quantizer", "ai-edge-litert", "tflite-runtime", "onnxruntime",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One row at one target.

    `answers` has for each engine the largest difference to Keras, or what it says against the file; `refused` is why
    there is no file where edgeproof itself says so, `failed` what a converter says that nobody explains.
    """

    scheme: str = "float32"
    rung: int = 0
    notes: tuple[str, ...] = ()
    refused: str = ""
    failed: str = ""
    answers: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def not_built(cls, answer: str | dict[str, str]) -> Cell:
        """The cell of a row that has no file: the answer of the exporting process says why."""
        return cls(failed=answer) if isinstance(answer, str) else cls(refused=answer["refused"])

    @property
    def built(self) -> bool:
        """Whether there is a file."""
        return not (self.refused or self.failed)

    @property
    def pointless(self) -> bool:
        """Whether another rung could not be better: there is nothing to quantize, or the format has no such op."""
        return bool(self.refused)

    @property
    def right(self) -> list[str]:
        """The engines that answer as they should."""
        return [engine for engine, answer in self.answers.items() if self._is_right(answer)]

    def _is_right(self, answer: Any) -> bool:
        # Written so that NaN is wrong.
        return not isinstance(answer, str) and answer <= LIMITS[self.scheme]

    @property
    def whole(self) -> bool:
        """Whether all engines answer as they should."""
        return self.built and len(self.right) == len(self.answers) > 0

    @property
    def wrong_engines(self) -> dict[str, float]:
        """The engines that answer wrongly, and by how much."""
        return {
            engine: answer
            for engine, answer in self.answers.items()
            if not isinstance(answer, str) and not self._is_right(answer)
        }

    @property
    def wrong(self) -> bool:
        """Whether an answer is off, or there is none and nobody says what to do."""
        return bool(self.failed or self.wrong_engines or (self.built and not self.right))

    @property
    def kind(self) -> str:
        """What is counted: "ok", "some engines", "refused", "nothing to quantize" or "wrong"."""
        if self.wrong:
            return "wrong"
        if self.refused:
            return "nothing to quantize" if self.refused.startswith(_NOTHING) else "refused"
        return "ok" if self.whole else "some engines"

    @property
    def mark(self) -> str:
        """What the table shows."""
        if self.wrong_engines:
            return f"**wrong, {max(self.wrong_engines.values()):.1g}**"
        if self.wrong:
            return "**fails**"
        if self.refused:
            if self.refused.startswith(MISSING):
                return "not there"
            return "–" if self.kind == "nothing to quantize" else "refused"
        without = [engine for engine in self.answers if engine not in self.right]
        return f"ok{_RUNG_MARKS[self.rung]}" + (f", not {', '.join(without)}" if without else "")

    @property
    def reasons(self) -> dict[str, str]:
        """Why it is not ok, by engine; "" stands for all of them."""
        if not self.built:
            reason = self.refused or self.failed
            return {} if reason == NOTHING_TO_QUANTIZE else {"": reason}
        return {engine: answer for engine, answer in self.answers.items() if isinstance(answer, str)}


_Cells = Mapping[tuple[Row, str], Cell]


def text(rows: Sequence[Row], cells: _Cells) -> str:
    """The page for these rows."""
    limits = ", ".join(f"{limit:g} ({scheme})" for scheme, limit in LIMITS.items())
    legend = _LEGEND.format(
        one=FORMATS["tflite"].rungs[1],
        two=FORMATS["tflite"].rungs[2],
        machine=platform.machine(),
        packages=", ".join(_versions()),
    )
    lines = [f"{_HEAD}\n{limits}.\n", legend, *_counts(rows, cells), ""]
    for title, section in SECTIONS.items():
        shown = [row for row in section if row in rows]
        if shown:
            lines += [f"## {title}", "", *_table(shown, cells), "", *_reasons(shown, cells)]
    return "\n".join([*lines, *_unbuilt()])


def _versions() -> Iterator[str]:
    """Each package that is installed, as "keras 3.15.1"."""
    for package in _PACKAGES:
        with suppress(PackageNotFoundError):
            yield f"{package} {version(package)}"


def _counts(rows: Sequence[Row], cells: _Cells) -> Iterator[str]:
    """How many rows each target can and cannot, and the largest difference of those that are right."""
    kinds = ("ok", "some engines", "refused", "nothing to quantize", "wrong")
    yield f"| target | {' | '.join(kinds)} | largest difference |"
    yield "|" + "---|" * (2 + len(kinds))
    for name in PLAIN:
        found = [cells[row, name] for row in rows]
        counts = " | ".join(str(sum(cell.kind == kind for cell in found)) for kind in kinds)
        largest = max((cell.answers[engine] for cell in found for engine in cell.right), default=0.0)
        yield f"| {name} | {counts} | {_magnitude(largest)} |"


def _magnitude(value: float) -> str:
    """Rounded up to a power of ten, which is the same on every machine."""
    return f"1e{math.ceil(math.log10(value))}" if value else "0"


def _table(rows: Sequence[Row], cells: _Cells) -> Iterator[str]:
    yield f"| layer | settings | input | {' | '.join(PLAIN)} |"
    yield "|" + "---|" * (3 + len(PLAIN))
    for row in rows:
        marks = " | ".join(cells[row, name].mark for name in PLAIN)
        settings = f"`{row.settings}`" if row.settings else ""
        yield f"| {row.layer} | {settings} | {row.given} | {marks} |"


def _reasons(rows: Sequence[Row], cells: _Cells) -> Iterator[str]:
    """Each reason once for each row, with the targets and engines it is for."""
    told: dict[tuple[Row, str], list[str]] = {}
    for row in rows:
        for name in PLAIN:
            for engine, reason in cells[row, name].reasons.items():
                told.setdefault((row, reason), []).append(f"{name} on {engine}" if engine else name)
    for (row, reason), where in told.items():
        short = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}…"
        places = "all targets" if len(where) == len(PLAIN) else ", ".join(where)
        yield f"- `{row.name}`, {places}: {short}"
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
