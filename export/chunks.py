"""Samples a few at a time, so that what is computed of them fits into memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

# Recording ranges keeps every activation of a chunk in memory: for 64 photographs, some gigabytes.
_ROWS, _ELEMENTS = 64, 1 << 20


def chunk_rows(elements: int) -> int:
    """How many samples of so many elements a chunk has: at most 64, fewer where one is large, never less than one."""
    return max(1, min(_ROWS, _ELEMENTS // max(1, elements)))


def chunks(samples: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """The samples by name, [n, …] each, in order, `chunk_rows` of the largest at a time."""
    size = chunk_rows(max(rows[0].size for rows in samples.values()))
    count = len(next(iter(samples.values())))
    return (
        {name: rows[start : start + size] for name, rows in samples.items()}
        for start in range(0, count, size)
    )
