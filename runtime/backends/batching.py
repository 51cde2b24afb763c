"""Large batches in chunks: what stays in the cache is faster than the whole."""

from collections.abc import Callable

import numpy as np

# LeNet, 784 values a row, is fastest at 32 to 64 rows; a table of 8 columns wants thousands.
_CHUNK_ELEMENTS = 32 * 784


def chunk_rows(row_elements: int) -> int:
    """How many rows a chunk should have."""
    return max(1, _CHUNK_ELEMENTS // row_elements)


def in_chunks(
    infer: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, step: int, output_row_shape: tuple[int, ...]
) -> np.ndarray:
    """The outputs, float32 [n, …], of `infer` called with up to `step` rows at a time; any n, 0 included."""
    outputs = np.empty((len(rows), *output_row_shape), np.float32)
    for start in range(0, len(rows), step):
        outputs[start : start + step] = infer(rows[start : start + step])
    return outputs
