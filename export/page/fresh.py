"""The page of an export: written anew only where something has changed that it is made of.

An export in which nothing changed takes a few seconds, and drawing the pictures of all models would take as long.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from export.checks import flips
from export.page import layers
from export.page.measured import Measured, this_machine
from runtime.bundle.manifest import MANIFEST_NAME
from runtime.measure.row import MeasuredRow, rows_to_json

FILE = "report.html"
_BESIDE = (f"bundle/{MANIFEST_NAME}", flips.FILE)
_READ_AT_MOST = 4000  # bytes of a page: its state stands at the beginning


def of_an_export(rows: list[MeasuredRow], command: str | None) -> Measured:
    """What an export on this machine measured."""
    return Measured("this machine", rows, this_machine(), command)


def write(page: Measured, out: Path) -> None:
    """Writes `out`/report.html, unless the one that is there says the same.

    Raises:
        DataError: what an export kept beside a bundle is damaged.
        OSError: the file cannot be written; what was there then stays as it was.
    """
    path = out / FILE
    state = _state(page, out)
    if _said(path) == state:
        return
    from export.page.write import write as write_page  # matplotlib takes a second

    write_page([page], path, out, state=state)


def _state(page: Measured, out: Path) -> str:
    """A digest of everything that the page is made of: rows, what lies beside the bundles, and this code."""
    digest = hashlib.sha256(
        rows_to_json(page.rows, machine=dict(page.machine), command=page.command).encode()
    )
    for path in (*_code(), *(path for model in page.models() for path in _beside(out / model))):
        digest.update(path.read_bytes() if path.is_file() else b"none")
        digest.update(b"\0")
    return digest.hexdigest()


def _beside(folder: Path) -> Iterator[Path]:
    yield from (folder / name for name in _BESIDE)
    yield from sorted((folder / layers.FOLDER).glob("*.json"))


def _code() -> Iterator[Path]:
    here = Path(__file__).parent
    yield from sorted([*here.glob("*.py"), *here.glob("templates/*")])


def _said(path: Path) -> str | None:
    """The state in the page that is there."""
    try:
        with path.open("rb") as file:
            start = file.read(_READ_AT_MOST).decode(errors="replace")
    except OSError:
        return None
    _, found, rest = start.partition('<meta name="edgeproof-state" content="')
    return rest[:64] if found else None
