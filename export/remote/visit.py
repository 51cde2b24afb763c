"""One device: looked at, told what it gets, given it, verified, measured; and what came of it."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from export.remote import wheel
from export.remote.plan import Plan, Wish, check_space, in_words, missing, plan
from export.remote.ssh import Host, RemoteError, tar_of
from runtime.bundle.install import contents
from runtime.bundle.reader import Bundle
from runtime.errors import BundleError
from runtime.measure import machine
from runtime.measure.row import MeasuredRow, rows_from_json

_LOOK_S, _SEND_S, _INSTALL_S, _MEASURE_S = 60, 3600, 3600, 7200
_LITTLE_MIB = 256  # ONNX Runtime and numpy take about 60 of it
Say = Callable[[str], None]


class Stay(NamedTuple):
    """Where it is installed, whether it is removed at the end, and whether all this is only said."""

    folder: str = "edgeproof"
    remove: bool = False
    dry_run: bool = False
    python: str | None = None  # one of the device's own, with the runtime and engines: nothing is installed


class Found(NamedTuple):
    """What a device answered: the rows, its facts, and which file it would ship, and why."""

    rows: list[MeasuredRow]
    facts: dict[str, Any]
    ship: dict[str, Any] | None
    why: str | None


class Parcel(NamedTuple):
    """What a visit brings: every file of the bundle by its name, as its digest and its path here, and the wheel."""

    files: Mapping[str, tuple[str, Path]]
    runtime_digest: str
    runtime_wheel: Path


@contextmanager
def parcel(bundle: Bundle) -> Iterator[Parcel]:
    """The bundle's files, checked against its manifest, and the device's wheel, in a folder that is gone afterwards.

    Raises:
        BundleError: a file is missing or damaged.
    """
    with tempfile.TemporaryDirectory(prefix="edgeproof-") as name:
        files: dict[str, tuple[str, Path]] = {}
        for path, body in contents(bundle):
            digest = hashlib.sha256(body).hexdigest()
            place = Path(name) / digest
            place.write_bytes(body)
            files[path] = digest, place
        body = wheel.content()
        place = Path(name) / wheel.file_name()
        place.write_bytes(body)
        yield Parcel(files, hashlib.sha256(body).hexdigest(), place)


def visit(
    host: Host, bundle: Bundle, brought: Parcel, wish: Wish, stay: Stay, measure: list[str], say: Say
) -> Found | None:
    """Does all of it on one device; None for a dry run.

    Args:
        host: the device.
        bundle: the open bundle.
        brought: what `parcel` made of it.
        wish: which engines, from where.
        stay: where, and for how long.
        measure: further arguments of `compare` there.
        say: takes a line on what is being done.

    Raises:
        RemoteError: one line on what is wrong. What was installed there before is as it was.
        BundleError: what the device answered is no report.
    """
    manifest = bundle.manifest
    # A model's name may be any text, and this is to be the name of a folder.
    order = {"folder": stay.folder, "bundle": re.sub(r"[^A-Za-z0-9_-]+", "-", manifest.model)}

    def ask(action: str, seconds: float, **more: Any) -> dict[str, Any]:
        send = more.pop("send", None)
        return host.ask({**order, "action": action, **more}, say, seconds, send)

    seen = ask("look", _LOOK_S, facts=Path(machine.__file__).read_text())
    facts = seen["facts"]
    say(in_words(facts))
    if (facts["memory_available_mib"] or _LITTLE_MIB) < _LITTLE_MIB:
        say(
            f"it has only {facts['memory_available_mib']} MiB of memory left: with a large model it may be killed there"
        )
    made = None if stay.python else plan(host.name, facts, manifest, wish, brought.runtime_digest)
    needed = {digest: (Path(name).name, path) for name, (digest, path) in brought.files.items()}
    new = made is not None and made.key not in seen["environments"]
    wheels: list[str] = []
    if made and new:
        check_space(host.name, facts)
        needed[brought.runtime_digest] = (wheel.file_name(), brought.runtime_wheel)
        for path in made.wheels:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            wheels.append(digest)
            needed[digest] = (path.name, path)
    files = missing(needed, seen["held"])
    say(f"into {seen['folder']}: {_what(made, new, stay.python)}, the bundle {manifest.model}")
    if stay.dry_run:
        return None
    if files:
        size = sum(path.stat().st_size for _, path in files)
        say(f"sending {len(files)} files, {size / 1024:,.0f} KiB")
        ask("receive", _SEND_S, count=len(files), send=tar_of(files))
    else:
        say("nothing to send: it has every file")
    python = stay.python or ask("environment", _INSTALL_S, **_environment(made, wheels, brought))["python"]
    say("installing the bundle")
    digests = {name: digest for name, (digest, _) in brought.files.items()}
    place = ask("bundle", _INSTALL_S, python=python, files=digests)["bundle"]
    # `compare` runs the golden samples before it measures, as `verify` does; `install` has read every file.
    say("verifying and measuring")
    arguments = ["compare", place, "--json", *measure]
    compared = _json(host, ask("command", _MEASURE_S, python=python, arguments=arguments))
    if stay.remove:
        ask("remove", _INSTALL_S)
        say(f"removed from {seen['folder']}")
    else:
        ask("tidy", _INSTALL_S, key=made.key if made else "")
    return Found(
        rows_from_json(json.dumps(compared), host.name),
        facts,
        compared.get("ship"),
        compared.get("why"),
    )


def _what(made: Plan | None, new: bool, python: str | None) -> str:
    if made is None:
        return f"nothing, its {python} is used"
    what = f"an environment with {', '.join(made.requirements)} and {wheel.file_name()}"
    return what if new else "the environment that is there"


def _environment(made: Plan | None, wheels: list[str], brought: Parcel) -> dict[str, Any]:
    assert made is not None
    return {
        "key": made.key,
        "requirements": made.requirements,
        "system_packages": made.system_packages,
        "offline": made.offline,
        "wheels": wheels,
        "runtime": brought.runtime_digest,
    }


def _json(host: Host, done: Mapping[str, Any]) -> dict[str, Any]:
    """What a command of the runtime printed with --json; RemoteError with its own line where it printed none."""
    try:
        found = json.loads(done["out"])
    except ValueError:
        lines = str(done["err"]).strip().splitlines()
        said = lines[-1].removeprefix("error: ") if lines else f"exit code {done['code']}"
        raise RemoteError(f"{host.name}: {said}") from None
    if not isinstance(found, dict):
        raise BundleError(f"{host.name}: answered with something else than a report")
    return found
