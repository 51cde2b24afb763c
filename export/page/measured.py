"""What a page is made of: the rows that one machine measured, from an export or from a file of `--json`."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.errors import UsageError
from runtime.measure.machine import cpu_name
from runtime.measure.row import MeasuredRow, rows_from_json

_MOST_BYTES = 64 << 20
_MOST_FACTS, _LONGEST_FACT = 30, 200


@dataclass(frozen=True)
class Measured:
    """The rows that one machine measured.

    Attributes:
        device: what the page calls the machine.
        rows: of any number of models, those of one model one behind the other.
        machine: what is known of the machine, by name: the processor, versions.
        command: what was typed to measure them; None where nobody knows.
    """

    device: str
    rows: Sequence[MeasuredRow]
    machine: Mapping[str, str] = field(default_factory=dict)
    command: str | None = None

    @property
    def processor(self) -> str:
        """What the machine is, or computes with; empty where nobody knows."""
        boards = (row.board for row in self.rows if row.board)
        return next(boards, None) or self.machine.get("processor") or self.machine.get("cpu") or ""

    def models(self) -> dict[str, list[MeasuredRow]]:
        """The rows by model."""
        found: dict[str, list[MeasuredRow]] = {}
        for row in self.rows:
            found.setdefault(row.model, []).append(row)
        return found


def this_machine() -> dict[str, str]:
    """What a page says of the machine that it is written on."""
    return {
        "processor": cpu_name(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def read(path: Path) -> Measured:
    """The rows in a file of JSON, as `report.json` or what a device's command printed with `--json`.

    Raises:
        UsageError: there is no such file, or it is too large.
        BundleError: it holds no measured rows.
    """
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise UsageError(f"{path} has {size:,} bytes; a report has at most {_MOST_BYTES:,}")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}; give a report.json, or what `compare --json` or `select --json` printed"
        ) from error
    rows = rows_from_json(content, str(path))
    if not rows:
        raise UsageError(f"{path} has no rows; export a model first, or run `compare --json` on the device")
    beside: dict[str, Any] = json.loads(content)
    command = beside.get("command")
    return Measured(
        path.stem, rows, _facts(beside.get("machine")), command if isinstance(command, str) else None
    )


def read_all(paths: Sequence[Path]) -> list[Measured]:
    """The rows of several files, one for each machine; UsageError where two would have one name."""
    found = [read(path) for path in paths]
    names = [each.device for each in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"two files are called {name}, and the page names each device by its file; rename one"
            )
    return found


def _facts(machine: Any) -> dict[str, str]:
    """What a file says of its machine: short texts and numbers, whatever their names are."""
    if not isinstance(machine, dict):
        return {}
    plain = {name: str(value) for name, value in machine.items() if isinstance(value, str | int | float)}
    return {name: text[:_LONGEST_FACT] for name, text in list(plain.items())[:_MOST_FACTS]}
