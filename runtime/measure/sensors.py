"""The state of the machine while it measures: clock, heat, throttling, memory, other load. Needs no root."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

from runtime.namedtuples import FastNamedTuple

# Bits of a Raspberry Pi's `get_throttled`; the same, 16 higher, say that it was so since the board started.
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
_BITS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
_SINCE_START = 16
_VCGENCMD_SECONDS = 2


class Reading(FastNamedTuple):
    """What the machine said at one moment. None: it does not say.

    Attributes:
        at_ns: when, by `perf_counter_ns`.
        clock_mhz: the clock of the fastest core.
        governor: the kernel's rule for the clock, such as "ondemand".
        temperature_c: the highest of all sensors of the processor, in °C.
        limits: what held the processor back just then; None where the machine does not tell.
        past_limits: what held it back since its start.
        limited: how many times the kernel has counted that it was.
        available_mib: memory that programs could still get.
        waited_ns: how long the threads of this process were ready to run and others had the processor.
        busy_s: processor time of the whole machine since its start.
        own_s: processor time of this process and its children.
    """

    at_ns: int
    clock_mhz: float | None
    governor: str | None
    temperature_c: float | None
    limits: frozenset[str] | None
    past_limits: frozenset[str]
    limited: int
    available_mib: float | None
    waited_ns: int | None
    busy_s: float | None
    own_s: float


class Sensors:
    """Where this machine tells its state: the files are looked for once, and a reading takes some tenths of a ms."""

    def __init__(self, root: Path = Path("/"), vcgencmd: Callable[[str], str | None] | None = None) -> None:
        """Looks for them.

        Args:
            root: the folder whose `proc` and `sys` are read.
            vcgencmd: asks a Raspberry Pi's firmware; None takes the program of that name where it is installed.
        """
        devices, processors = root / "sys" / "devices", root / "sys" / "devices" / "system" / "cpu"
        frequencies = sorted(processors.glob("cpu[0-9]*/cpufreq"))
        self._clocks = [path / "scaling_cur_freq" for path in frequencies]
        self._governors = [path / "scaling_governor" for path in frequencies]
        self._temperatures = sorted((root / "sys" / "class" / "thermal").glob("thermal_zone*/temp"))
        # Drivers that lower the clock to keep the processor cool; they are on where their state is above 0.
        self._coolers = [
            path.parent / "cur_state"
            for path in sorted((root / "sys" / "class" / "thermal").glob("cooling_device*/type"))
            if "cpufreq" in (_text(path) or "")
        ]
        self._counters = sorted(processors.glob("cpu[0-9]*/thermal_throttle/*_throttle_count"))
        self._alarms = [
            path.parent / "in0_lcrit_alarm"
            for path in sorted((root / "sys" / "class" / "hwmon").glob("hwmon*/name"))
            if _text(path) == "rpi_volt"
        ]
        firmware = [
            path
            for pattern in ("platform/soc*/*firmware*/get_throttled", "platform/*firmware*/get_throttled")
            for path in sorted(devices.glob(pattern))
        ]
        self._firmware = firmware[0] if firmware else None
        self._ask = vcgencmd or vcgencmd_here()
        self._proc = root / "proc"
        self._ticks = os.sysconf("SC_CLK_TCK")

    def read(self) -> Reading:
        """The state now."""
        clocks = [value / 1000 for value in map(_number, self._clocks) if value is not None]
        governors = sorted({text for text in map(_text, self._governors) if text})
        # Some zones are no sensor of the processor and give nonsense; none is as hot as 150 °C.
        heat = [value / 1000 for value in map(_number, self._temperatures) if value is not None]
        heat = [value for value in heat if -60 < value < 150]
        now, past, limited = self._limits()
        times = os.times()
        return Reading(
            perf_counter_ns(),
            max(clocks, default=None),
            ", ".join(governors) or None,
            max(heat, default=None),
            now,
            past,
            limited,
            self._available_mib(),
            self._waited_ns(),
            self._busy_s(),
            times.user + times.system + times.children_user + times.children_system,
        )

    def _limits(self) -> tuple[frozenset[str] | None, frozenset[str], int]:
        bits = self._throttled_bits()
        known = bits is not None
        now = {word for bit, word in _BITS.items() if (bits or 0) >> bit & 1}
        past = {word for bit, word in _BITS.items() if (bits or 0) >> bit + _SINCE_START & 1}
        for path in self._coolers:
            state = _number(path)
            known = known or state is not None
            if state:
                now.add("frequency capped")
        for path in self._alarms:
            alarm = _number(path)
            known = known or alarm is not None
            if alarm:
                now.add("under-voltage")
        counts = [value for value in map(_number, self._counters) if value is not None]
        known = known or bool(counts)
        return frozenset(now) if known else None, frozenset(past), int(sum(counts))

    def _throttled_bits(self) -> int | None:
        """What a Raspberry Pi's firmware says, by the kernel's file where there is one, else by vcgencmd."""
        text = _text(self._firmware) if self._firmware else None
        if text is None and self._ask:
            said = self._ask("get_throttled")  # throttled=0x50005
            text = said.partition("=")[2].strip() if said else None
        try:
            return None if text is None else int(text, 16)
        except ValueError:
            return None

    def _available_mib(self) -> float | None:
        for line in (_text(self._proc / "meminfo") or "").splitlines():
            if line.startswith("MemAvailable:"):
                words = line.split()
                return int(words[1]) / 1024 if len(words) > 1 and words[1].isdigit() else None
        return None

    def _waited_ns(self) -> int | None:
        """The second number of each thread's schedstat (docs.kernel.org/scheduler/sched-stats.html)."""
        waited = None
        for path in (self._proc / "self" / "task").glob("*/schedstat"):
            words = (_text(path) or "").split()
            if len(words) > 1 and words[1].isdigit():
                waited = (waited or 0) + int(words[1])
        return waited

    def _busy_s(self) -> float | None:
        """The first row of /proc/stat, without idle and waiting for disks; see proc(5)."""
        words = (_text(self._proc / "stat") or "").split()
        if not words or words[0] != "cpu" or len(words) < 9 or not all(map(str.isdigit, words[1:9])):
            return None
        user, nice, system, _, _, irq, softirq, steal = map(int, words[1:9])
        return (user + nice + system + irq + softirq + steal) / self._ticks


def limits_between(before: Reading, after: Reading) -> frozenset[str] | None:
    """What held the processor back at two moments or between them; None where the machine does not tell."""
    if before.limits is None or after.limits is None:
        return None
    counted = frozenset({"throttled"}) if after.limited > before.limited else frozenset()
    return before.limits | after.limits | (after.past_limits - before.past_limits) | counted


def vcgencmd_here() -> Callable[[str], str | None] | None:
    """Asks a Raspberry Pi's firmware by the program `vcgencmd`; None where there is none."""
    program = shutil.which("vcgencmd")
    if program is None:
        return None

    def ask(question: str) -> str | None:
        try:
            done = subprocess.run(
                [program, question], capture_output=True, text=True, timeout=_VCGENCMD_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout if done.returncode == 0 else None

    return ask


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip("\0\n ")
    except (OSError, UnicodeDecodeError):
        return None


def _number(path: Path) -> float | None:
    try:
        return float(_text(path) or "")
    except ValueError:
        return None
