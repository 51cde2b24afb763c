"""The layers of a model that cost most, from what `diagnose` found; nothing where it did not run."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from runtime.measure.row import MeasuredRow


class Layer(NamedTuple):
    """A layer under its Keras name, and its share of what the recommended variant loses, from 0 to 1."""

    name: str
    share: float


def layers(artifacts: Path | None, model: str, row: MeasuredRow | None) -> list[Layer]:
    """The layers that cost most in the variant of a row."""
    del artifacts, model, row
    return []
