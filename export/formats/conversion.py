"""What every converter is given, and the one way a built file is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Ranges = dict[str, tuple[float, float]]
# Recording ranges keeps every activation of a chunk in memory: for 64 photographs, some gigabytes.
_CHUNK_ROWS, _CHUNK_ELEMENTS = 64, 1 << 20


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


def chunks(samples: np.ndarray) -> Iterator[np.ndarray]:
    """The samples [n, …] in order, a few at a time: fewer where one is large."""
    size = max(1, min(_CHUNK_ROWS, _CHUNK_ELEMENTS // max(1, samples[0].size)))
    return (samples[start : start + size] for start in range(0, len(samples), size))
