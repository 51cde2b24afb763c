"""What the page says of one model: the recommendation on each device, pictures, tables, samples, origin."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from export.checks import flips
from export.page import chart, loss
from export.page.devices import slower
from export.page.layers import Layers, layers
from export.page.origin import Origin, origin
from export.page.samples import Sample, samples
from export.page.svg import Styles
from export.page.table import Answered, Table, lost, table, tables
from export.report import notes
from runtime.choose.limits import Limits
from runtime.choose.rule import Choice, choose, drop_of, in_words
from runtime.measure.metric import metric_text, shown_name
from runtime.measure.row import PASSED, STATUSES, MeasuredRow


@dataclass(frozen=True)
class Answer:
    """What one device says of the model.

    Attributes:
        device: its name.
        choice: what the rule says.
        reason: why, as one sentence.
        figures: of the recommended row, by what they are.
        counts: how many rows have each verdict.
        rows: all of them.
        slower: how many times as slow as the first device it is; empty for the first, and where nobody knows.
    """

    device: str
    choice: Choice
    reason: str
    figures: dict[str, str]
    counts: dict[str, int]
    rows: Sequence[MeasuredRow]
    slower: str

    @property
    def in_short(self) -> str:
        """The recommended row in a few words."""
        return "nothing" if self.choice.row is None else in_words(self.choice.row)

    @property
    def lost(self) -> float | None:
        """What the recommended variant loses, in its metric's unit; None where that was not measured."""
        return None if self.choice.row is None else drop_of(self.choice.row, self.rows)


@dataclass(frozen=True)
class Section:
    """One model.

    Attributes:
        model: its name.
        anchor: an identifier that is unique on the page.
        about: what the original can do.
        answers: what each device says.
        charts: the pictures of loss against latency and against size.
        tables: by heading, the tables of all files.
        notes: what the rows have to say.
        samples: those that are decided otherwise than by the original.
        layers: those that cost most; None where nobody looked.
        origin: where the files come from; None where there is no bundle.
    """

    model: str
    anchor: str
    about: str
    answers: list[Answer]
    charts: list[chart.Chart]
    tables: dict[str, Table]
    notes: list[str]
    samples: list[Sample]
    layers: Layers | None
    origin: Origin | None

    @property
    def agreed(self) -> bool:
        """Whether all devices are recommended the same."""
        return len({answer.in_short for answer in self.answers}) == 1

    @property
    def engines(self) -> set[str]:
        """The engines that a picture has points of."""
        return {row.engine for answer in self.answers for row in answer.rows if row.status != "skipped"}

    @property
    def diagnose(self) -> str:
        """What a user types to find the layers that cost most; empty where they are known, or nothing can be found."""
        if self.layers is not None or self.origin is None or not _has_quantized(self.origin):
            return ""
        folder = self.origin.folder.parent.parent
        out = "" if folder == Path("artifacts") else f" --out {shlex.quote(str(folder))}"
        return f"python -m export diagnose {shlex.quote(self.model)}{out}"

    @property
    def commands(self) -> list[str]:
        """What a user types to do it again."""
        folder = self.origin.folder if self.origin else Path("artifacts", self.model, "bundle")
        return [
            f"python -m export {self.model}   # with EDGEPROOF_DATA, the folder of the data sets",
            f"python -m runtime verify {shlex.quote(str(folder))}",
            f"python -m runtime compare {shlex.quote(str(folder))}",
        ]


def section(
    model: str,
    measured: Mapping[str, Sequence[MeasuredRow]],
    anchor: str,
    limits: Limits,
    artifacts: Path | None,
    styles: Styles,
    said: Mapping[str, str],
) -> Section:
    """Everything about one model.

    Args:
        model: its name.
        measured: its rows by device.
        anchor: an identifier that is unique on the page.
        limits: what is asked of the recommended file.
        artifacts: the folder with what exports wrote; None where there is none.
        styles: the classes of the page.
        said: reasons that the page says once for all models.
    """
    answers: list[Answer] = []
    said_of: dict[str, Answered] = {}
    drawn: dict[str, chart.Drawn] = {}
    size: chart.Chart | None = None
    for device, rows in measured.items():
        choice = choose(rows, limits)
        lose = loss.loss_of(rows)
        by_latency = chart.places(rows, lose, chart.LATENCY)
        by_size = chart.places(_one_a_variant(rows, choice), lose, chart.SIZE)
        fronts = {"latency": chart.on_front(by_latency), "size": chart.on_front(by_size)}
        said_of[device] = Answered(rows, choice, fronts)
        drawn[device] = chart.Drawn(by_latency, lose, choice.row)
        # Files are the same on all devices.
        size = size or chart.draw(
            {"": chart.Drawn(by_size, lose, choice.row)}, chart.SIZE, f"{anchor}s", styles
        )
        counts = {status: sum(row.status == status for row in rows) for status in STATUSES}
        answers.append(
            Answer(
                device, choice, sentence(choice.why), _figures(choice.row, rows),
                {status: count for status, count in counts.items() if count},
                rows, slower(next(iter(measured.values())), rows) if answers else "",
            )
        )  # fmt: skip
    latency = chart.draw(
        drawn if len(drawn) > 1 else {"": drawn[answers[0].device]}, chart.LATENCY, f"{anchor}l", styles
    )
    if len(said_of) > 1:
        alike, own = tables(said_of)
        shown = {"All files": alike, "On each device": own}
    else:
        shown = {"All files": table(*said_of.values())}
    noted = [(answer.device, note) for answer in answers for note in notes(list(answer.rows), said)]
    kept = flips.read(artifacts / model) if artifacts is not None else {}
    first = answers[0].choice.row
    return Section(
        model,
        anchor,
        _about(next(iter(measured.values()))),
        answers,
        [each for each in (latency, size) if each is not None],
        shown,
        _of_devices(noted, len(answers)),
        samples(kept, first),
        layers(artifacts, model, first),
        origin(artifacts, model),
    )


def _of_devices(noted: Sequence[tuple[str, str]], count: int) -> list[str]:
    """Each note once, with the devices that have it, where not all do."""
    found: dict[str, list[str]] = {}
    for device, note in noted:
        found.setdefault(_with_minus(note), []).append(device)
    return [note if len(its) == count else f"{', '.join(its)}: {note}" for note, its in found.items()]


def _one_a_variant(rows: Sequence[MeasuredRow], choice: Choice) -> list[MeasuredRow]:
    """Of each variant the row that stands for its file: the recommended one, else one that passed, else the first."""
    found: dict[str, MeasuredRow] = {}
    for row in sorted(rows, key=lambda row: (row != choice.row, row.status not in PASSED)):
        found.setdefault(row.variant, row)
    return list(found.values())


def _has_quantized(origin: Origin) -> bool:
    """Whether the bundle has a quantized file, and the one in float32 that it can be compared with."""
    schemes: dict[str, set[str]] = {}
    for name in origin.manifest.variants:
        form, _, scheme = name.partition("-")
        schemes.setdefault(form, set()).add(scheme)
    return any("float32" in its and len(its) > 1 for its in schemes.values())


def sentence(text: str) -> str:
    """What a line says, as a sentence."""
    return f"{text[:1].upper()}{_with_minus(text)[1:]}."


def _with_minus(text: str) -> str:
    """A line whose negative numbers have a minus, not a hyphen."""
    return re.sub(r"(?<![\w-])-(?=\d)", "−", text)


def _figures(row: MeasuredRow | None, rows: Sequence[MeasuredRow]) -> dict[str, str]:
    if row is None:
        return {}
    found = {}
    if row.latency_us_p50 is not None:
        found["latency, p50"] = chart.microseconds(row.latency_us_p50)
    if row.latency_us_p99 is not None:
        found["p99"] = chart.microseconds(row.latency_us_p99)
    if row.size_bytes is not None:
        found["size"] = chart.kib(row.size_bytes / 1024)
    if row.metric is not None:
        found[shown_name(row.metric_name)] = metric_text(row.scale, row.metric)
        found["loses"] = lost(row, rows)
        if row.samples is not None and len({each.samples for each in rows if each.samples}) > 1:
            found["compared on"] = f"{row.samples:,} samples"
    elif row.max_abs_error is not None:
        found["largest error"] = f"{row.max_abs_error:.1e}"
    return found


def _about(rows: Sequence[MeasuredRow]) -> str:
    """What is measured against what."""
    scores: dict[tuple[str, str | None, str | None], MeasuredRow] = {}
    for row in rows:
        if row.metric_name and row.metric_original is not None and row.samples is not None:
            key = (row.metric_name, row.scale, row.output)
            if key not in scores or (scores[key].samples or 0) < row.samples:
                scores[key] = row
    measured = any(row.metric is not None for row in rows)
    parts = []
    for (name, scale, output), row in scores.items():
        of = f" of {output}" if output else ""
        # A slow file is asked about some of the test samples; the original's metric is of all of them.
        where = " on the test samples" if row.split == "test" else f" on {row.samples:,} samples"
        parts.append(
            f"{shown_name(name)}{of} {metric_text(scale, row.metric_original)}{where if measured else ''}"
        )
    if not parts:
        return "Nothing is known of the original's metric."
    users = sorted({str(row.metric_name) for row in rows if row.metric_better})
    own = f" {' and '.join(users)}: computed by code of the user's own, at export alone." if users else ""
    return f"The original has {', '.join(parts)}.{own}"
