"""The layers of a model that cost most, from what `python -m export diagnose` wrote; nothing where it did not run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from runtime.measure.row import MeasuredRow

FOLDER = "diagnosis"  # beside the bundle: <variant>.json
MOST = 5


class Layer(NamedTuple):
    """A call of a layer under its Keras name, its class, and how much of the error of the answers it makes, 0 to 1."""

    name: str
    kind: str
    share: float


class Layers(NamedTuple):
    """Those of one variant that cost most, the worst first; and what the diagnosis advises."""

    variant: str
    found: list[Layer]
    advice: str


def layers(artifacts: Path | None, model: str, row: MeasuredRow | None) -> Layers | None:
    """The layers that cost most in the recommended variant; of another one where that one was not diagnosed."""
    if artifacts is None:
        return None
    found = {each.variant: each for each in _read(artifacts / model / FOLDER)}
    if row is not None and row.variant in found:
        return found[row.variant]
    return next(iter(found.values()), None)


def _read(folder: Path) -> Iterator[Layers]:
    """What is there of each variant; a file that holds something else is none of `diagnose`'s figures."""
    for path in sorted(folder.glob("*.json")):
        try:
            content: Any = json.loads(path.read_text(encoding="utf-8"))
            shares = [_layer(each) for each in content["rows"] if each["share"]]
            worst = sorted(shares, key=lambda layer: -layer.share)[:MOST]
            if worst:
                yield Layers(str(content["variant"]), worst, str(content["advice"]))
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _layer(row: Mapping[str, Any]) -> Layer:
    return Layer(str(row["name"]), str(row["kind"]), float(row["share"]))
