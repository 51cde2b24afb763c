"""Runs in a child process: runs exported files on an engine and compares their answers with those of Keras."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.layers.jobs import serve

_Arrays = Mapping[str, np.ndarray]
_Run = Callable[[_Arrays], _Arrays]


def answer(job: dict[str, Any]) -> float | str:
    """The largest difference, or what the engine says against the file."""
    try:
        with np.load(job["answers"]) as arrays:
            return difference(_opened(job["engine"], Path(job["file"])), arrays, job["share"])
    except Exception as error:  # whatever an engine comes up with is the answer
        return f"{type(error).__name__}: {' '.join(str(error).split())}"


def difference(run: _Run, arrays: _Arrays, share: float = 1.0) -> float:
    """The largest difference to what Keras answered, in the order of its calls; arrays are "<call> <name>".

    It is a fraction of the largest answer where that is beyond 1.  NaN, where only one of the two has it.  `share` is
    how many of the numbers of an answer count, the closest first.
    """
    calls: dict[str, dict[str, np.ndarray]] = {}
    for key in arrays:
        call, _, name = key.partition(" ")
        calls.setdefault(call, {})[name] = arrays[key]
    gaps = []
    for call in sorted(calls):
        feed = {name: value for name, value in calls[call].items() if name.startswith("input")}
        wanted = {name: value for name, value in calls[call].items() if name.startswith("output")}
        found = run(feed)
        if set(found) != set(wanted):
            raise ValueError(f"the outputs are {sorted(found)}, expected {sorted(wanted)}")
        gaps += [_gap(name, found[name], wanted[name], share) for name in wanted]
    return float(np.max(gaps))


def _gap(name: str, found: np.ndarray, wanted: np.ndarray, share: float) -> float:
    if found.shape != wanted.shape:
        raise ValueError(f"{name} has the shape {found.shape}, expected {wanted.shape}")
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))  # infinities too
    gaps = np.abs(found.astype(np.float64) - wanted.astype(np.float64))
    largest = max(1.0, float(np.abs(wanted).max(initial=0)))
    ordered = np.sort(np.where(same, 0.0, gaps), axis=None)
    if np.isnan(ordered).any():
        return float("nan")
    return float(ordered[: max(1, round(share * ordered.size))].max(initial=0)) / largest


def _opened(engine: str, file: Path) -> _Run:
    if engine == "tensorflow":
        from export.formats.saved_model import SavedModelBackend

        return SavedModelBackend(file).run
    from runtime.backends import open_backend

    return open_backend(engine, file.read_bytes()).run


if __name__ == "__main__":
    serve(answer)
