"""Samples a few at a time, so that what is computed of them fits into memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Recording ranges keeps every activation of a chunk in memory: for 64 photographs, some gigabytes.
_ROWS, _ELEMENTS = 64, 1 << 20


def chunk_rows(elements: int) -> int:
    """How many samples of so many elements a chunk has: at most 64, fewer where one is large, never less than one."""
    return max(1, min(_ROWS, _ELEMENTS // max(1, elements)))


def chunks(samples: np.ndarray) -> Iterator[np.ndarray]:
    """The samples [n, …] in order, `chunk_rows` at a time."""
    size = chunk_rows(samples[0].size)
    return (samples[start : start + size] for start in range(0, len(samples), size))
