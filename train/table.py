"""The table of the zoo in docs/results.md: the tutorials' figure, the one to reach, ours, and that of our int8 file."""

from __future__ import annotations

from pathlib import Path

from data.original import read_record
from data.trained_model import RECORD
from runtime.measure.row import REPORT, MeasuredRow, rows_from_json
from train.recipes import ON_REQUEST, RECIPES

_INT8 = "tflite-int8"
_HEAD = (
    "model",
    "data",
    "weights",
    "tutorials",
    "to reach",
    "ours (float32)",
    f"ours ({_INT8})",
    "trained on",
)


def markdown(folder: Path) -> str:
    """The table in Markdown; what was not measured is a dash, and what is trained on request stands there if it was.

    Args:
        folder: holds `<model>/training.json` and, for int8, the `report.json` of an export.

    Raises:
        EdgeProofError: one of these files is damaged.
    """
    int8 = _int8_figures(folder / REPORT)
    rows: list[tuple[str, ...]] = [_HEAD, tuple("---" for _ in _HEAD)]
    for name, recipe in (RECIPES | ON_REQUEST).items():
        if not (folder / name / RECORD).is_file():
            if name in ON_REQUEST:
                continue
            goal = _figure("rmse" if "mean_squared_error" in recipe.loss else "accuracy", recipe.goal)
            rows.append((name, recipe.dataset, "–", recipe.tutorial, goal, "not trained", "–", "–"))
            continue
        training = read_record(folder / name)
        # Of several outputs, the first that has a metric is that of the goal.
        kind, value = next((metric.name, metric.value) for metric in training.metrics.values())
        rows.append(
            (
                name,
                recipe.dataset,
                f"{training.parameters:,}",
                recipe.tutorial,
                _figure(kind, recipe.goal),
                _figure(kind, value),
                int8.get(name, "–"),
                training.device,
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _figure(kind: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.2f} %" if kind == "accuracy" else f"RMSE {value:.4g}"


def _int8_figures(report: Path) -> dict[str, str]:
    """By model, the metric of its int8 file on the engine that answered most samples; of which output and samples."""
    if not report.is_file():
        return {}
    measured = [
        row
        for row in rows_from_json(report.read_bytes(), str(report))
        if row.passed and row.metric is not None
    ]
    found = {}
    for name in dict.fromkeys(row.model for row in measured):
        rows = [row for row in measured if row.model == name]
        int8 = max((row for row in rows if row.variant == _INT8), key=_samples, default=None)
        if int8 is None:
            continue
        # Of several outputs, the row has that which loses most; of a slow file, the gate asks no more than it needs.
        of = f" ({int8.output})" if len({row.output for row in rows} - {None}) > 1 else ""
        on = f" on {int8.samples:,} samples" if _samples(int8) < max(map(_samples, rows)) else ""
        found[name] = f"{_figure(int8.metric_name or '', int8.metric)}{of}{on}"
    return found


def _samples(row: MeasuredRow) -> int:
    return row.samples or 0
