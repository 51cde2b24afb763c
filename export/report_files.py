"""The files of an export's report: JSON for programs, Markdown for people, and the page."""

from __future__ import annotations

from pathlib import Path

from export import report
from export.page import fresh
from runtime.atomic import write_file
from runtime.measure.row import REPORT, MeasuredRow, rows_to_json


def write(rows: list[MeasuredRow], out: Path, command: str | None = None) -> None:
    """Writes `out`/report.json, as docs/bundle.md specifies it, `out`/report.md, and the page `out`/report.html.

    `command` is what was typed to get them.
    """
    page = fresh.of_an_export(rows, command)
    write_file(out / REPORT, rows_to_json(rows, machine=dict(page.machine), command=command).encode())
    write_file(out / "report.md", report.markdown(rows).encode())
    fresh.write(page, out)
