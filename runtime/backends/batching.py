"""Cuts a batch into chunks or rows, whichever the engine is faster with; learnt from the batches it gets."""

from collections.abc import Callable
from time import perf_counter_ns

import numpy as np

# Larger chunks leave the cache: LeNet is fastest at 32 to 64 rows. A table of 8 columns wants thousands.
_CHUNK_ELEMENTS = 32 * 784
_TRIALS = 3


def chunk_rows(row_elements: int) -> int:
    """How many rows a chunk should have."""
    return max(1, _CHUNK_ELEMENTS // row_elements)


class Batching:
    """Runs many rows through `infer`, which takes 1 to `rows` of them at once.

    Interpreters are sometimes slower by chunk than by row (tflite-runtime on dynamic-range files: 1.7 times):
    for each size of chunk, to a power of two, both ways are tried by turns, then the faster is kept. Both ways
    must give the same bits.
    """

    def __init__(self, infer: Callable[[np.ndarray], np.ndarray], rows: int) -> None:
        self._infer = infer
        self._rows = rows
        self._trials: dict[int, list[list[float]]] = {}  # size → ns per row of past trials: whole, by row

    def __call__(self, rows: np.ndarray, into: np.ndarray) -> None:
        """Fills `into`, float32 [n, …], with the outputs for `rows`."""
        for start in range(0, len(rows), self._rows):
            chunk, out = rows[start : start + self._rows], into[start : start + self._rows]
            if len(chunk) == 1:
                out[:] = self._infer(chunk)
                continue
            whole, by_row = self._trials.setdefault(len(chunk).bit_length(), [[], []])
            if len(by_row) >= _TRIALS:
                self._run(chunk, out, by_row=min(by_row) < min(whole))
            else:
                trial = by_row if len(by_row) < len(whole) else whole
                begin = perf_counter_ns()
                self._run(chunk, out, by_row=trial is by_row)
                trial.append((perf_counter_ns() - begin) / len(chunk))

    def _run(self, chunk: np.ndarray, out: np.ndarray, by_row: bool) -> None:
        if by_row:
            for index in range(len(chunk)):
                out[index : index + 1] = self._infer(chunk[index : index + 1])
        else:
            out[:] = self._infer(chunk)
