"""The answers of a variant: to samples one by one, or some at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from data.dataset import Arrays
from data.original import Original
from export.chunks import chunk_rows
from runtime.selftest.probes import probe_inputs

# Takes and gives arrays by name, [n, …], in the dtypes of a file.
Run = Callable[[Arrays], Arrays]


def at_the_edge(original: Original, raw: Mapping[str, np.ndarray]) -> Arrays:
    """Raw inputs in the dtypes that a file takes: pixels as float32."""
    return {
        record.name: raw[record.name].astype(record.tensor.dtype, copy=False)
        for record in original.record.inputs
    }


def probes(original: Original, raw: Arrays) -> Arrays:
    """The probes that are made of raw inputs, in the dtypes that a file takes."""
    return at_the_edge(
        original, probe_inputs(raw, {record.name: record for record in original.record.inputs})
    )


def count(arrays: Mapping[str, np.ndarray]) -> int:
    """How many rows the arrays have, which is the same for all."""
    return len(next(iter(arrays.values())))


def rows(arrays: Mapping[str, np.ndarray], which: Any) -> Arrays:
    """Some rows of all arrays: what `which`, a slice or an array of indices, picks."""
    return {name: values[which] for name, values in arrays.items()}


def one_by_one(run: Run, feeds: Arrays) -> Arrays:
    """The answers to all rows, one row a call."""
    return joined([run(rows(feeds, slice(at, at + 1))) for at in range(count(feeds))])


def in_chunks(run: Run, original: Original, raw: Arrays) -> Arrays:
    """The answers to raw inputs, some at a time."""
    size = 8 * chunk_rows(max(values[0].size for values in raw.values()))
    starts = range(0, count(raw), size)
    return joined([run(at_the_edge(original, rows(raw, slice(at, at + size)))) for at in starts])


def joined(parts: list[Arrays]) -> Arrays:
    """The rows of all parts, one behind the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
