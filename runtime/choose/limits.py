"""Which variants may be considered at all: by file size, and by what the bundle's report says they lose."""

from typing import Any

from runtime.bundle.manifest import Manifest, Variant
from runtime.bundle.reader import Bundle
from runtime.bundle.strict_json import Fields, parse_object
from runtime.errors import BundleError

REPORT = "report.json"
MAX_DROP = 0.5


def accuracy_drops(bundle: Bundle) -> dict[tuple[str, str], float]:
    """What each variant lost on each engine at export, where it was measured there on labelled data.

    Percentage points of accuracy, or percent of the original's RMSE; negative where it became better. Empty where
    the bundle has no report. BundleError where it is not one.
    """
    if REPORT not in bundle.manifest.files:
        return {}
    where = f"{bundle.path / REPORT}"
    drops = {}
    for number, value in enumerate(parse_object(bundle.read(REPORT), where).items("rows", 10_000)):
        row = Fields(value, f"{where}: row {number}")
        metric, original = row.optional_number("metric"), row.optional_number("metric_original")
        if metric is not None and original is not None and row.text("status") == "ok":
            drops[row.text("variant"), row.text("engine")] = _drop(row, metric, original)
    return drops


def _drop(row: Fields, metric: float, original: float) -> float:
    name = row.text("metric_name")
    if name == "accuracy":
        return (original - metric) * 100
    if name != "rmse" or original <= 0:
        raise BundleError(f"a report with the metric {name[:40]!r} of {original:g}; known: accuracy, rmse")
    return (metric / original - 1) * 100


def refusal(
    manifest: Manifest, variant: Variant, drop: float | None, max_drop: float | None, max_size: int | None
) -> str:
    """Why a variant is not considered; an empty string where it is."""
    size_bytes = manifest.files[variant.file].size_bytes
    if max_size is not None and size_bytes > max_size:
        return f"its file has {size_bytes} bytes, more than --max-size"
    if drop is None:
        return "" if max_drop is None else "what it loses was not measured at export, and --max-drop is given"
    allowed = MAX_DROP if max_drop is None else max_drop
    if drop > allowed + 1e-9:
        return f"it loses {drop_text(manifest.original.metric_name, drop)}, more than the {allowed:g} allowed"
    return ""


def drop_text(metric_name: str, drop: Any) -> str:
    """A drop as tables show it."""
    if drop is None:
        return "not measured"
    return f"{drop:.2f} {'points' if metric_name == 'accuracy' else '%'}"
