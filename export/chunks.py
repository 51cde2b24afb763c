"""Samples a few at a time, so that what is computed of them fits into memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Recording ranges keeps every activation of a chunk in memory: for 64 photographs, some gigabytes.
_ROWS, _ELEMENTS = 64, 1 << 20


def chunks(samples: np.ndarray) -> Iterator[np.ndarray]:
    """The samples [n, …] in order, at most 64 at a time: fewer where one is large, never less than one."""
    size = max(1, min(_ROWS, _ELEMENTS // max(1, samples[0].size)))
    return (samples[start : start + size] for start in range(0, len(samples), size))
