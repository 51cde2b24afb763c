"""How the devices that measured one model differ in speed."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from runtime.measure.row import MeasuredRow


def slower(first: Sequence[MeasuredRow], other: Sequence[MeasuredRow]) -> str:
    """How many times the first device's median latencies those of another one are; empty where nothing ran on both.

    That is the median of all files, and in brackets the least and the most. Of several numbers of threads the fewest
    count.
    """
    ours, theirs = _latencies(first), _latencies(other)
    times = sorted(theirs[pair] / latency for pair, latency in ours.items() if pair in theirs and latency > 0)
    if not times:
        return ""
    least, middle, most = (f"{value:.2g}" for value in (times[0], median(times), times[-1]))
    return middle if least == most else f"{middle} ({least} to {most})"


def _latencies(rows: Sequence[MeasuredRow]) -> dict[tuple[str, str], float]:
    """The median latency of each variant and engine."""
    return {
        (row.variant, row.engine): row.latency_us_p50
        for row in sorted(rows, key=lambda row: -(row.threads or 1))
        if row.latency_us_p50 is not None
    }
