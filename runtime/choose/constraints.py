"""Limits as a user writes them: "drop<=0.5 latency_us_p99<=1000 size<=100kB"."""

import math
import re

from runtime.choose.limits import Limits
from runtime.errors import UsageError
from runtime.namedtuples import FastNamedTuple

_BYTES = {"": 1, "B": 1, "kB": 1000, "KiB": 1 << 10, "MB": 1000**2, "MiB": 1 << 20}
_PLAIN = {"": 1}


class Quantity(FastNamedTuple):
    """What a name limits: the field of `Limits`, what each unit is in that field's own, and what it is in words."""

    field: str
    units: dict[str, int]
    text: str


QUANTITIES = {
    "drop": Quantity("drop", _PLAIN | {"%": 1}, "points of accuracy or F1, percent of an error"),
    "size": Quantity("size_bytes", _BYTES, "bytes of the file, or with one of kB, KiB, MB, MiB"),
    "latency_us_p50": Quantity("latency_us_p50", _PLAIN, "µs of one call, the median"),
    "latency_us_p90": Quantity("latency_us_p90", _PLAIN, "µs of one call, the 90th percentile"),
    "latency_us_p99": Quantity("latency_us_p99", _PLAIN, "µs of one call, the 99th percentile"),
}
HELP = "limits, such as 'drop<=0.5 latency_us_p99<=1000 size<=100kB'; names: " + ", ".join(QUANTITIES)
_ONE = re.compile(r"(\w+)\s*(<=|≤|<|>=|≥|>|==?)\s*([0-9.]+(?:[eE][+-]?[0-9]+)?)([A-Za-z%µ]*)(?:[\s,]+|$)")


def parse_limits(text: str) -> Limits:
    """The limits in a text: NAME<=NUMBER[UNIT], as many as wanted, with spaces or commas between them.

    Raises:
        UsageError: it is not of that form, a name or unit is unknown, a name stands there twice, or there is none.
    """
    found: dict[str, float] = {}
    rest = text.strip()
    while rest:
        match = _ONE.match(rest)
        if match is None:
            raise UsageError(
                f"--constraints {text!r}: cannot read {rest[:40]!r}; write NAME<=NUMBER with spaces between, such as "
                "'drop<=0.5 size<=100kB'"
            )
        name, relation, number, unit = match.groups()
        found |= _limit(text, name, relation, number, unit, found)
        rest = rest[match.end() :]
    if not found:
        raise UsageError("--constraints is empty; write NAME<=NUMBER, such as 'drop<=0.5 size<=100kB'")
    size = found.get("size_bytes")
    return Limits(**found | ({} if size is None else {"size_bytes": math.floor(size)}))  # type: ignore[arg-type]


def _limit(
    text: str, name: str, relation: str, number: str, unit: str, found: dict[str, float]
) -> dict[str, float]:
    quantity = QUANTITIES.get(name)
    if quantity is None:
        raise UsageError(f"--constraints {text!r}: unknown name {name!r}; known: {', '.join(QUANTITIES)}")
    if relation not in ("<=", "≤"):
        raise UsageError(
            f"--constraints {text!r}: {name} has {relation!r}; every limit is a most: {name}<={number}"
        )
    if unit not in quantity.units:
        known = ", ".join(filter(None, quantity.units)) or "none"
        raise UsageError(f"--constraints {text!r}: unknown unit {unit!r} of {name}; known: {known}")
    if quantity.field in found:
        raise UsageError(f"--constraints {text!r}: {name} stands there twice; give it once")
    try:
        value = float(number) * quantity.units[unit]
    except ValueError:
        value = math.inf
    if not math.isfinite(value):
        raise UsageError(f"--constraints {text!r}: {number!r} is no number; write digits, such as {name}<=1")
    return {quantity.field: value}
