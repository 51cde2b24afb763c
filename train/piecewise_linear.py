"""Piecewise linear encoding of a table: every column is cut into bins, within each of which it rises from 0 to 1.

The method is that of Gorishniy, Rubachev and Babenko, "On Embeddings for Numerical Features in
Tabular Deep Learning" (2022), with bins of equally many training rows.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

BINS = 20
# The least width of a bin, as a fraction of the column's range: where many rows share a value, it would be zero.
_LEAST_WIDTH = 1e-3
# Coasts and valleys follow neither axis of a map.  These sums are exact in every engine: no product to round.
_PLACE = ("Latitude", "Longitude")
_DIRECTIONS = ((1, 1), (1, -1), (2, 1), (1, 2), (2, -1), (1, -2))


def encode(inputs: Any, rows: NDArray[np.float32], columns: tuple[str, ...]) -> Any:
    """Encodes rows as features in [0, 1]: the columns and, where two of them name a place, further directions of it.

    Args:
        inputs: Keras' symbolic rows, float32 [n, columns].
        rows: the training rows [m, columns] that the bins are made of.
        columns: their names.

    Returns:
        Keras' symbolic features, float32 [n, features · BINS].
    """
    middle = rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    features = layers.Concatenate()(_features(inputs - middle, columns))
    known = np.concatenate(_features(rows - middle, columns), axis=1)
    edges = np.quantile(known, np.linspace(0, 1, BINS + 1), axis=0).T.astype(np.float32)
    left, width = edges[:, :-1], np.diff(edges, axis=1)
    width = np.maximum(width, _LEAST_WIDTH * (edges[:, -1:] - edges[:, :1]))
    within = (keras.ops.expand_dims(features, -1) - left) * (1 / width)
    return layers.Flatten()(keras.ops.clip(within, 0.0, 1.0))


def _features(rows: Any, columns: tuple[str, ...]) -> list[Any]:
    """All that is cut into bins: `rows` [n, columns], a tensor or an array, and directions [n, 1] of a place."""
    if not set(_PLACE) <= set(columns):
        return [rows]
    north, east = (rows[:, index : index + 1] for index in map(columns.index, _PLACE))
    return [rows, *(north * float(along) + east * float(across) for along, across in _DIRECTIONS)]
