"""The table of the zoo in docs/results.md: the tutorials' figure, the one to reach, ours, and that of our int8 file."""

from __future__ import annotations

from pathlib import Path

from data.original import read_record
from data.trained_model import RECORD
from runtime.measure.row import REPORT, rows_from_json
from train.recipes import RECIPES

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
    """The table in Markdown; what was not measured is a dash.

    Args:
        folder: holds `<model>/training.json` and, for int8, the `report.json` of an export.

    Raises:
        EdgeProofError: one of these files is damaged.
    """
    int8 = _int8_metrics(folder / REPORT)
    rows: list[tuple[str, ...]] = [_HEAD, tuple("---" for _ in _HEAD)]
    for name, recipe in RECIPES.items():
        if not (folder / name / RECORD).is_file():
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
                _figure(kind, int8.get(name)),
                training.device,
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _figure(kind: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.2f} %" if kind == "accuracy" else f"RMSE {value:.4g}"


def _int8_metrics(report: Path) -> dict[str, float | None]:
    if not report.is_file():
        return {}
    rows = rows_from_json(report.read_bytes(), str(report))
    return {
        row.model: row.metric
        for row in rows
        if row.variant == _INT8 and row.passed and row.metric is not None
    }
