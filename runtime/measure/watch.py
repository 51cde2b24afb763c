"""Sees what disturbs a block of a measurement, has it measured again, and says what could not be mended.

The machine is read between blocks, never within one.
"""

import time
from collections.abc import Callable

from runtime.measure.machine import cpu_name
from runtime.measure.sensors import Reading, Sensors, limits_between
from runtime.namedtuples import FastNamedTuple

_TRIES = 3  # of one block
_COOLING_S = 0.5  # before a block is tried again in which the processor was held back
_REPEATS_S = 1.0  # that repeating may take beyond as long as the measurement itself
_WAITED = 0.1  # the share of a block that this process may wait for a processor
_SHORTEST_S = 0.2  # the kernel counts processor time in hundredths of a second
OTHER_LOAD = "other load"
NONE = "no"  # nothing held the processor back, on a machine that would have said so


class Conditions(FastNamedTuple):
    """Under which conditions one callable was measured; docs/bundle.md has the meaning of each field."""

    board: str
    governor: str | None
    clock_mhz_low: float | None
    clock_mhz_high: float | None
    temperature_c: float | None
    throttled: str | None
    memory_available_mib: float | None
    other_load: float | None
    blocks: int
    blocks_repeated: int
    blocks_disturbed: int
    disturbance: str | None


class _Seen:
    """What was seen of the blocks of one callable."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.blocks = self.repeated = self.disturbed = 0
        self.limits: set[str] = set()
        self.known = True
        self.kept: set[str] = set()  # what disturbed the blocks that were kept


class Watch:
    """Watches the blocks of a measurement."""

    def __init__(self, sensors: Sensors | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        """Begins to watch; `sensors` are those of this machine, `sleep` lets it cool."""
        self._sensors = Sensors() if sensors is None else sensors
        self._sleep = sleep
        self._seen: dict[str, _Seen] = {}
        self._measured_s = self._repeated_s = 0.0
        self._first: Reading | None = None
        self._last: Reading | None = None

    def block(self, name: str, measure: Callable[[], None]) -> None:
        """Calls `measure` once, and again while it is disturbed and there is time for it; the last call counts."""
        seen = self._seen.setdefault(name, _Seen())
        seen.blocks += 1
        for trial in range(_TRIES):
            before = self._sensors.read()
            measure()
            after = self._last = self._sensors.read()
            self._first = self._first or before
            seconds = (after.at_ns - before.at_ns) / 1e9
            if trial:
                self._repeated_s += seconds
            else:
                self._measured_s += seconds
            limits, reasons = self._note(seen, before, after)
            time_left = self._repeated_s < self._measured_s + _REPEATS_S
            if not reasons or trial == _TRIES - 1 or not time_left:
                break
            seen.repeated += trial == 0
            if limits:
                self._sleep(_COOLING_S)
                self._repeated_s += _COOLING_S
        if reasons:
            seen.disturbed += 1
            seen.kept |= reasons

    def conditions(self, name: str) -> Conditions:
        """Under which conditions the callable of that name was measured."""
        seen = self._seen.get(name) or _Seen()
        readings = seen.readings
        clocks = [each.clock_mhz for each in readings if each.clock_mhz is not None]
        heat = [each.temperature_c for each in readings if each.temperature_c is not None]
        memory = [each.available_mib for each in readings if each.available_mib is not None]
        governors = sorted({each.governor for each in readings if each.governor})
        return Conditions(
            cpu_name(),
            ", ".join(governors) or None,
            min(clocks, default=None),
            max(clocks, default=None),
            max(heat, default=None),
            (", ".join(sorted(seen.limits)) or NONE) if readings and seen.known else None,
            min(memory, default=None),
            self._other_load(),
            seen.blocks,
            seen.repeated,
            seen.disturbed,
            ", ".join(sorted(seen.kept)) or None,
        )

    def _note(self, seen: _Seen, before: Reading, after: Reading) -> tuple[set[str], set[str]]:
        """Adds what was seen around a block; returns what held the processor back, and all that disturbed it."""
        seen.readings.append(after)
        limits = limits_between(before, after)
        seen.known = seen.known and limits is not None
        seen.limits |= limits or set()
        reasons = set(limits or ())
        waited = (after.waited_ns or 0) - (before.waited_ns or 0)
        if waited > _WAITED * (after.at_ns - before.at_ns):
            reasons.add(OTHER_LOAD)
        return set(limits or ()), reasons

    def _other_load(self) -> float | None:
        """How many processors other programs kept busy, on average from the first block to the last."""
        first, last = self._first, self._last
        if first is None or last is None or first.busy_s is None or last.busy_s is None:
            return None
        elapsed_s = (last.at_ns - first.at_ns) / 1e9
        if elapsed_s < _SHORTEST_S:
            return None
        return max(0.0, (last.busy_s - first.busy_s) - (last.own_s - first.own_s)) / elapsed_s
