"""What differs between the devices that measured one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runtime.measure.row import MeasuredRow


class Difference(NamedTuple):
    """One variant on one engine, on every device: its row there, None where it has none."""

    variant: str
    engine: str
    rows: list[MeasuredRow | None]

    @property
    def verdicts_differ(self) -> bool:
        """Whether one device refuses what another one accepts."""
        return len({row.passed for row in self.rows if row is not None and row.status != "skipped"}) > 1

    def times(self, number: int) -> float | None:
        """How many times the first device's median latency that of another one is."""
        first, other = self.rows[0], self.rows[number]
        if first is None or other is None or not first.latency_us_p50 or other.latency_us_p50 is None:
            return None
        return other.latency_us_p50 / first.latency_us_p50


def differences(by_device: Mapping[str, Sequence[MeasuredRow]]) -> list[Difference]:
    """Every variant and engine that at least two devices have a row of; of several numbers of threads the fewest."""
    pairs = dict.fromkeys((row.variant, row.engine) for rows in by_device.values() for row in rows)
    found = []
    for variant, engine in pairs:
        rows = [_row(rows, variant, engine) for rows in by_device.values()]
        if sum(row is not None for row in rows) > 1:
            found.append(Difference(variant, engine, rows))
    return found


def _row(rows: Sequence[MeasuredRow], variant: str, engine: str) -> MeasuredRow | None:
    mine = [row for row in rows if (row.variant, row.engine) == (variant, engine)]
    return min(mine, key=lambda row: row.threads or 1, default=None)
