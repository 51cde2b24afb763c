"""The energy that a call takes, on boards that report their power: a Raspberry Pi 5 by its power chip."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from runtime.measure.sensors import vcgencmd_here

QUESTION = "pmic_read_adc"
_SECONDS = 1.0  # under load, for each callable
_LINE = re.compile(r"(\w+)_([AV]) (?:current|volt)\(\d+\)=([0-9.]+)[AV]")


def watts(text: str) -> float | None:
    """The power of all supplies whose current and voltage the chip tells, in W; None where it tells of none.

    The answer has a line for each current, `VDD_CORE_A current(7)=0.76A`, and one for each voltage, `VDD_CORE_V
    volt(15)=0.72V`. What leaves the board by USB is not in it.
    """
    found: dict[str, dict[str, float]] = {}
    for name, unit, value in _LINE.findall(text):
        found.setdefault(name, {})[unit] = float(value)
    powers = [row["A"] * row["V"] for row in found.values() if len(row) == 2]
    return sum(powers) if powers else None


def energy_mj(call: Callable[[], object], ask: Callable[[str], str | None] | None = None) -> float | None:
    """The energy of the board during one call, in mJ, its idle power included; None where it does not report any.

    The calls go on for a second, and meanwhile the chip is asked again and again: its power is that under this load,
    with the little that asking takes. Latency is measured apart from this.

    Args:
        call: what is measured.
        ask: asks the board's firmware; None takes `vcgencmd`, where there is one.
    """
    ask = ask or vcgencmd_here()
    if ask is None or watts(ask(QUESTION) or "") is None:
        return None
    readings: list[float] = []
    calls, begin = 0, perf_counter()
    with ThreadPoolExecutor(1) as other:
        while (elapsed := perf_counter() - begin) < _SECONDS:
            answer = other.submit(ask, QUESTION)
            while not answer.done():
                call()
                calls += 1
            power = watts(answer.result() or "")
            if power is not None:
                readings.append(power)
    return 1000 * sum(readings) / len(readings) * elapsed / calls if readings and calls else None
