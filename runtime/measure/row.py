"""The measured row: everything measured of one variant on one engine of one machine; docs/bundle.md specifies it."""

import json
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from runtime.bundle.manifest import DIRECTIONS
from runtime.bundle.strict_json import Fields, parse_object
from runtime.measure.metric import METRICS, SCALES
from runtime.namedtuples import FastNamedTuple
from runtime.version import __version__

if TYPE_CHECKING:
    from runtime.bundle.reader import Bundle
    from runtime.selftest.parity import Parity

REPORT = "report.json"
STATUSES = ("ok", "unproven", "failed", "skipped")
PASSED = ("ok", "unproven")  # a variant of this status may be shipped
_WRITER = "edgeproof"  # the key beside the rows that names the version which wrote them
_MOST_ROWS = 10_000
_LONGEST_REASON = 1000


class MeasuredRow(FastNamedTuple):
    """Everything measured of one variant on one engine of one machine. None: not measured.

    Accuracies and agreements are fractions, errors are in output units, latencies are those of single calls.
    docs/bundle.md has the unit and the meaning of every field. A field that does not exist is a TypeError.
    """

    model: str
    variant: str
    engine: str
    status: str
    reason: str | None = None
    engine_version: str | None = None
    threads: int | None = None
    file: str | None = None
    size_bytes: int | None = None
    output: str | None = None
    budget: float | None = None
    metric_name: str | None = None
    metric_better: str | None = None
    metric: float | None = None
    metric_original: float | None = None
    metric_drop_low: float | None = None
    metric_drop_high: float | None = None
    flips: int | None = None
    samples: int | None = None
    split: str | None = None
    max_abs_error: float | None = None
    mean_abs_error: float | None = None
    sqnr_db: float | None = None
    top1_agreement: float | None = None
    latency_us_p50: float | None = None
    latency_us_p90: float | None = None
    latency_us_p99: float | None = None
    calls: int | None = None
    latency_us_low: float | None = None
    latency_us_high: float | None = None
    latency_us_p90_low: float | None = None
    latency_us_p90_high: float | None = None
    latency_us_p99_low: float | None = None
    latency_us_p99_high: float | None = None
    slower_low: float | None = None
    slower_high: float | None = None
    load_ms: float | None = None
    batch_us_per_row: float | None = None
    peak_rss_mib: float | None = None
    energy_mj: float | None = None
    board: str | None = None
    governor: str | None = None
    clock_mhz_low: float | None = None
    clock_mhz_high: float | None = None
    temperature_c: float | None = None
    throttled: str | None = None
    memory_available_mib: float | None = None
    other_load: float | None = None
    blocks: int | None = None
    blocks_repeated: int | None = None
    blocks_disturbed: int | None = None
    disturbance: str | None = None

    @property
    def passed(self) -> bool:
        """Whether the verdict lets the variant be shipped: it is ok or unproven."""
        return self.status in PASSED

    @property
    def scale(self) -> str | None:
        """How its metric's scores compare, a key of `metric.SCALES`: its name, or of a user's metric its direction."""
        return self.metric_better or self.metric_name

    def with_verdict(self, status: str, reason: str | None = None) -> "MeasuredRow":
        """The row with another verdict; the reason becomes one line of at most 1,000 printable characters."""
        line = " ".join((reason or "").split())
        line = "".join(letter if letter.isprintable() else "?" for letter in line)[:_LONGEST_REASON]
        return self._replace(status=status, reason=line or None)

    def with_parity(self, found: "Parity") -> "MeasuredRow":
        """The row with the parity that was found.

        The SQNR of answers that are equal is infinite, which JSON cannot say: it is None then.
        """
        return self._replace(
            max_abs_error=found.max_abs_error,
            mean_abs_error=found.mean_abs_error,
            sqnr_db=found.sqnr_db if math.isfinite(found.sqnr_db) else None,
            top1_agreement=found.top1_agreement,
        )

    def with_metric_of(self, other: "MeasuredRow | None") -> "MeasuredRow":
        """The row with the metric that another row holds for the same variant, if that one passed."""
        if other is None or not other.passed:
            return self
        return self._replace(**{name: getattr(other, name) for name in _OF_A_METRIC})


_OF_A_METRIC = (
    "output", "budget", "metric_name", "metric_better", "metric", "metric_original", "metric_drop_low",
    "metric_drop_high", "flips", "samples", "split",
)  # fmt: skip
# What reports of the first bundles lack: a reader takes what is missing for not measured.
_ADDED_LATER = frozenset(
    {
        "threads", "file", "output", "budget", "metric_better", "metric_drop_low", "metric_drop_high", "flips",
        "latency_us_low", "latency_us_high", "latency_us_p90_low", "latency_us_p90_high", "latency_us_p99_low",
        "latency_us_p99_high", "slower_low", "slower_high", "load_ms", "batch_us_per_row", "peak_rss_mib", "energy_mj",
        "board", "governor", "clock_mhz_low", "clock_mhz_high", "temperature_c", "throttled",
        "memory_available_mib", "other_load", "blocks", "blocks_repeated", "blocks_disturbed", "disturbance",
    }
)  # fmt: skip
_SCORES = ("metric", "metric_original")
_MAY_BE_NEGATIVE = frozenset({"metric_drop_low", "metric_drop_high", "sqnr_db", "temperature_c"})
_ASCENDING = (
    ("latency_us_p50", "latency_us_p90", "latency_us_p99"),
    ("latency_us_low", "latency_us_p50", "latency_us_high"),
    ("latency_us_p90_low", "latency_us_p90", "latency_us_p90_high"),
    ("latency_us_p99_low", "latency_us_p99", "latency_us_p99_high"),
    ("slower_low", "slower_high"),
    ("metric_drop_low", "metric_drop_high"),
    ("clock_mhz_low", "clock_mhz_high"),
    ("blocks_disturbed", "blocks"),
)
_READERS = {
    str: Fields.text,
    str | None: Fields.optional_text,
    int | None: Fields.optional_count,
    float | None: Fields.optional_number,
}


def rows_to_json(rows: Iterable[MeasuredRow], **beside: Any) -> str:
    """The text of `{"edgeproof": …, …, "rows": […]}`: the version that writes it, and other keys before the rows.

    Raises:
        BundleError: the reader would refuse a row, such as one with NaN or a negative latency.
    """
    objects = [row._asdict() for row in rows]
    for number, row in enumerate(objects):
        _row(Fields(row, f"row {number}"))
    whole = {_WRITER: __version__} | beside | {"rows": objects}
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def rows_from_json(content: str | bytes, where: str = REPORT) -> list[MeasuredRow]:
    """The rows that `rows_to_json` wrote. Keys that this version does not know are ignored in a newer version's report.

    Raises:
        BundleError: it is no JSON, lacks a key, has an unknown one though no newer version wrote it, or holds what
            cannot have been measured; `where` names the file.
    """
    report = parse_object(content, where)
    newer = report.has(_WRITER) and _release(report.text(_WRITER)) > _release(__version__)
    rows = [
        Fields(row, f"{where}: row {number}") for number, row in enumerate(report.items("rows", _MOST_ROWS))
    ]
    for row in rows if not newer else ():
        unknown = next((name for name in row if name not in MeasuredRow.__annotations__), None)
        if unknown is not None:
            row.refuse(
                unknown[:80], "is no key of a row; remove it, or correct its spelling (docs/bundle.md)"
            )
    return [_row(row) for row in rows]


def read_report(bundle: "Bundle") -> list[MeasuredRow]:
    """What was measured at export: the rows of the bundle's report, none where it has no report.

    Raises:
        BundleError: the report is damaged, or is none.
    """
    if REPORT not in bundle.manifest.files:
        return []
    return rows_from_json(bundle.read(REPORT), str(bundle.path / REPORT))


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a version; of what is none, the empty tuple, which is older than every version."""
    parts = version.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()


def _row(fields: Fields) -> MeasuredRow:
    values: dict[str, Any] = {
        name: _READERS[kind](fields, name)
        for name, kind in MeasuredRow.__annotations__.items()
        if name in fields or name not in _ADDED_LATER
    }
    row = MeasuredRow(**values)
    if row.status not in STATUSES:
        fields.refuse("status", f"is {row.status[:40]!r}; known: {', '.join(STATUSES)}")
    if row.metric_better is not None:
        _check_of_the_user(row, fields)
    elif row.metric is not None and row.metric_name not in METRICS:
        fields.refuse("metric_name", f"is {str(row.metric_name)[:40]!r}; known: {', '.join(METRICS)}")
    negative = _MAY_BE_NEGATIVE | (frozenset(_SCORES) if row.metric_better == "higher" else frozenset())
    for name, value in values.items():
        if isinstance(value, float) and value < 0 and name not in negative:
            fields.refuse(name, f"is {value:g}; it must be at least 0")
    fractions = ("top1_agreement", *(_SCORES if _is_fraction(row.scale) else ()))
    for name in fractions:
        if (values[name] or 0) > 1:
            fields.refuse(name, f"is {values[name]:g}; a fraction must be from 0 to 1")
    if row.threads == 0:
        fields.refuse("threads", "is 0; it must be at least 1")
    for names in _ASCENDING:
        known = [values[name] for name in names if values.get(name) is not None]
        if known != sorted(known):
            fields.refuse(names[0], f"is {known[0]:g}; {', '.join(names)} must not descend")
    return row


def _is_fraction(scale: str | None) -> bool:
    return scale in SCALES and SCALES[scale].drop_unit == "points"


def _check_of_the_user(row: MeasuredRow, fields: Fields) -> None:
    """Refuse a direction that there is not, or one of a metric that is not a user's own."""
    if row.metric_better not in DIRECTIONS:
        fields.refuse("metric_better", f"is {str(row.metric_better)[:40]!r}; known: {', '.join(DIRECTIONS)}")
    if row.metric_name is None or row.metric_name in METRICS:
        fields.refuse("metric_better", f"is for a metric of the user's own, not for {row.metric_name}")
