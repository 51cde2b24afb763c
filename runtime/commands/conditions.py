"""Under which conditions rows were measured: puts it into the rows, and says it below a table."""

from collections.abc import Sequence

from runtime.measure.row import MeasuredRow
from runtime.measure.watch import NONE, Watch


def under(row: MeasuredRow, watch: Watch, name: str) -> MeasuredRow:
    """The row with the conditions of the callable of that name."""
    return row._replace(**watch.conditions(name)._asdict())


def notes(rows: Sequence[MeasuredRow]) -> list[str]:
    """A line for each row that was disturbed to the end, and one on the machine."""
    found = []
    for row in rows:
        if row.blocks_disturbed:
            threads = f", {row.threads} threads" if (row.threads or 1) > 1 else ""
            found.append(
                f"disturbed: {row.variant} with {row.engine}{threads}: {row.blocks_disturbed} of {row.blocks} blocks, "
                f"by {row.disturbance}, also when measured again"
            )
    watched = [row for row in rows if row.blocks]
    return [*found, *([_machine(watched)] if watched else [])]


def _machine(rows: Sequence[MeasuredRow]) -> str:
    """The state of the machine while the rows were measured."""
    governors = sorted({row.governor for row in rows if row.governor})
    clocks = [row.clock_mhz_low for row in rows] + [row.clock_mhz_high for row in rows]
    known = [clock for clock in clocks if clock is not None]
    span = f"{min(known):.0f} to {max(known):.0f} MHz" if known else "unknown"
    heat = [row.temperature_c for row in rows if row.temperature_c is not None]
    limits = {word for row in rows for word in (row.throttled or "unknown").split(", ")}
    held = ", ".join(sorted(limits - {NONE})) or "no"
    load = rows[0].other_load
    parts = [
        f"clock {span}" + (f" (governor {', '.join(governors)})" if governors else ""),
        f"temperature {f'up to {max(heat):.0f} °C' if heat else 'unknown'}",
        f"throttled: {held}",
        f"other load: {'unknown' if load is None else f'{load:.1f} processors'}",
        f"{sum(row.blocks_repeated or 0 for row in rows)} of {sum(row.blocks or 0 for row in rows)} blocks measured "
        "again",
    ]
    return f"Machine: {'; '.join(parts)}."
