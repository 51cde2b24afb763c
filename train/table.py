"""The table of the zoo: the tutorials' figure, the one to reach, ours, and int8's, from what lies in the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runtime.errors import EdgeProofError
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
    """Return the table in Markdown; what was not measured is a dash.

    Reads ``<model>/training.json`` and, for int8, the ``report.json`` that export has written into ``folder``.
    """
    int8 = _int8_metrics(folder / "report.json")
    rows = [_HEAD, tuple("---" for _ in _HEAD)]
    for name, recipe in RECIPES.items():
        path = folder / name / "training.json"
        if not path.is_file():
            goal = _figure("accuracy" if "accuracy" in recipe.metrics else "rmse", recipe.goal)
            rows.append((name, recipe.dataset, "–", recipe.tutorial, goal, "not trained", "–", "–"))
            continue
        training = _read(path)
        kind = training["metric"]["name"]
        rows.append(
            (
                name,
                recipe.dataset,
                f"{training['parameters']:,}",
                recipe.tutorial,
                _figure(kind, recipe.goal),
                _figure(kind, training["metric"]["value"]),
                _figure(kind, int8.get(name)),
                training["device"],
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
    rows = [row for row in _read(report)["rows"] if row["variant"] == _INT8 and row["status"] == "ok"]
    return {row["model"]: row["metric"] for row in rows if row["metric"] is not None}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise EdgeProofError(
            f"{path}: cannot be read as JSON ({error}); delete it and make it again"
        ) from error
