"""Remembers the choice for a bundle on this device, outside of the bundle, with its digest and the machine's data."""

import json
import os
import platform
from hashlib import sha256
from pathlib import Path

import numpy as np

from runtime.atomic import write_file
from runtime.backends import ENGINES, engine_version
from runtime.bundle.reader import Bundle
from runtime.bundle.strict_json import Fields, parse_object
from runtime.errors import BundleError, UsageError
from runtime.measure.machine import cpu_name
from runtime.namedtuples import FastNamedTuple

_VERSION = 1
_MAX_BYTES = 100_000


class SavedChoice(FastNamedTuple):
    """What to run a bundle with on this device, and why."""

    variant: str
    engine: str
    threads: int
    why: str


def machine() -> dict[str, str]:
    """What a measurement holds for: the processor, the versions of the engines that are here, Python and numpy."""
    engines = {name: engine_version(name) for name in ENGINES}
    found = {"cpu": cpu_name(), "architecture": platform.machine(), "cores": str(os.cpu_count())}
    found |= {name: version for name, version in engines.items() if version}
    return found | {"numpy": np.__version__, "python": platform.python_version()}


def place(bundle: Bundle) -> Path:
    """The file of the user's state folder that holds the choice for this bundle on this machine."""
    state = os.environ.get("XDG_STATE_HOME", "")
    # A relative path there is invalid, says the specification, and must be ignored.
    folder = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    host = sha256(f"{platform.node()} {cpu_name()}".encode()).hexdigest()  # a home may be shared by machines
    return folder / "edgeproof" / "selections" / f"{bundle.digest[:32]}-{host[:16]}.json"


def remember(bundle: Bundle, choice: SavedChoice) -> Path:
    """Stores the choice; gives the file. OSError where the folder cannot be written."""
    path = place(bundle)
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {
        "selection_version": _VERSION,
        "bundle": bundle.digest,
        "model": bundle.manifest.model,
        "machine": machine(),
        **choice._asdict(),
    }
    write_file(path, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())
    return path


def recall(bundle: Bundle, engine: str | None = None) -> SavedChoice:
    """What was chosen for this bundle here.

    Raises:
        UsageError: nothing was, or on another machine or with other engines, or for another engine than asked.
    """
    path = place(bundle)
    again = f"run: python -m runtime select {bundle.path}"
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES)
    except OSError:
        raise UsageError(
            f"nothing was chosen yet for {bundle.path} on this device, or its bundle has changed since; {again}"
        ) from None
    try:
        fields = parse_object(content, str(path))
        kept = fields.integer("selection_version", 0, 1 << 30), fields.text("bundle")
        before = _texts(fields.fields("machine"))
        found = SavedChoice(
            fields.text("variant"),
            fields.text("engine"),
            fields.integer("threads", 1, 1024),
            fields.text("why"),
        )
    except BundleError as error:
        raise UsageError(f"what was chosen cannot be read ({error}); {again}") from None
    now = machine()
    changed = sorted(name for name in before | now if before.get(name) != now.get(name))
    if kept != (_VERSION, bundle.digest) or changed:
        what = f": {changed[0]} was {before.get(changed[0])}, is {now.get(changed[0])}" if changed else ""
        raise UsageError(f"what was chosen for {bundle.path} no longer holds{what}; {again}")
    if engine not in (None, found.engine):
        raise UsageError(f"chosen on this device was {found.variant} with {found.engine}, not with {engine}")
    return found


def _texts(fields: Fields) -> dict[str, str]:
    return {name: fields.text(name) for name in fields}
