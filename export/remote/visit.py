"""One device: looked at, told what it gets, given it, verified, measured; and what came of it."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from export.remote import wheel
from export.remote.plan import Wish, check_space, in_words, missing, plan
from export.remote.ssh import Host, RemoteError, tar_of
from runtime.bundle.install import contents
from runtime.bundle.manifest import Manifest
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


class _Given(NamedTuple):
    """What is installed beside the bundle: in words, the files that it takes, and the order for it."""

    words: str
    files: dict[str, tuple[str, Path]]
    order: dict[str, Any]


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
    given = _given(host, facts, manifest, wish, brought, seen["whole"]) if stay.python is None else None
    needed = {digest: (Path(name).name, path) for name, (digest, path) in brought.files.items()}
    files = missing(needed | (given.files if given else {}), seen["held"])
    what = given.words if given else f"nothing, its {stay.python} is used"
    say(f"into {seen['folder']}: {what}, the bundle {manifest.model}")
    if stay.dry_run:
        return None
    try:
        if files:
            size = sum(path.stat().st_size for _, path in files)
            say(f"sending {len(files)} file{'s' if len(files) != 1 else ''}, {size / 1024:,.0f} KiB")
            ask("receive", _SEND_S, count=len(files), send=tar_of(files))
        else:
            say("nothing to send: it has every file")
        python = ask("environment", _INSTALL_S, **given.order)["python"] if given else stay.python
        say("installing the bundle")
        digests = {name: digest for name, (digest, _) in brought.files.items()}
        place = ask("bundle", _INSTALL_S, python=python, files=digests)["bundle"]
        # `compare` runs the golden samples before it measures, as `verify` does; `install` has read every file.
        say("verifying and measuring")
        arguments = ["compare", place, "--json", *measure]
        compared = _json(host, ask("command", _MEASURE_S, python=python, arguments=arguments))
        if not stay.remove:
            ask("tidy", _INSTALL_S, keys=[given.order["key"], given.order["engines"]] if given else [])
    except BaseException:
        if stay.remove:
            with suppress(RemoteError):  # what went wrong first is what must be said
                ask("remove", _INSTALL_S)
                say(f"removed from {seen['folder']}")
        raise
    if stay.remove:
        ask("remove", _INSTALL_S)
        say(f"removed from {seen['folder']}")
    return Found(
        rows_from_json(json.dumps(compared), host.name), facts, compared.get("ship"), compared.get("why")
    )


def _given(
    host: Host,
    facts: Mapping[str, Any],
    manifest: Manifest,
    wish: Wish,
    brought: Parcel,
    whole: Collection[str],
) -> _Given:
    """What a device gets beside the bundle, where it has the environments of the keys in `whole` already."""
    made = plan(host.name, facts, manifest, wish, brought.runtime_digest)
    order = {
        "key": made.key,
        "engines": made.engines_key,
        "requirements": made.requirements,
        "venv": ["--system-site-packages"] if made.system_packages else [],
        "pip": ["--no-index"] if made.offline else ["--timeout=15", "--retries=2"],
        "wheels": [],
        "runtime": brought.runtime_digest,
    }
    own = {brought.runtime_digest: (wheel.file_name(), brought.runtime_wheel)}
    if made.engines_key not in whole:
        check_space(host.name, facts)
        wheels = {hashlib.sha256(path.read_bytes()).hexdigest(): (path.name, path) for path in made.wheels}
        words = f"an environment with {', '.join(made.requirements)} and {wheel.file_name()}"
        return _Given(words, own | wheels, order | {"wheels": list(wheels)})
    if made.key not in whole:
        return _Given(f"{wheel.file_name()}, with the engines that are there", own, order)
    return _Given("the environment that is there", {}, order)


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
