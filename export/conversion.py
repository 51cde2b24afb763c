"""What every converter is given, and the one way a built file is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

Ranges = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Conversion:
    """One conversion: read `source`, write `destination`, under these public names.

    `input_shape` and `output_shape` are without the batch dimension.  `ranges` holds the lowest and highest value
    of every float tensor over the calibration set, for static schemes only.
    """

    source: Path
    destination: Path
    input_name: str
    input_shape: tuple[int, ...]
    output_name: str
    ranges: Ranges | None = None
