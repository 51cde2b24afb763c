"""What a device gets: which engines fit it and the bundle, and which packages and wheels that takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from export.remote.ssh import RemoteError
from runtime.backends import ENGINES, no_wheel
from runtime.bundle.manifest import Manifest
from runtime.errors import UsageError

# As the extras of runtime/pyproject.toml have them.
REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "litert": ("ai-edge-litert>=2.0",),
    "tflite-runtime": ("tflite-runtime==2.14.0", "numpy<2"),
    "onnxruntime": ("onnxruntime>=1.16",),
}
NUMPY = "numpy>=1.24"
_LEAST_MIB = 400  # of the disk, for numpy and two engines while pip unpacks them
_MACHINES = {"aarch64": "aarch64", "x86_64": "x86_64", "armv7l": "armv7l", "armv6l": "armv6l"}


class Wish(NamedTuple):
    """What the user asked for: engines by name, wheels brought along, whether the device's own packages are used."""

    engines: tuple[str, ...] = ()
    offline: Path | None = None
    system_packages: bool = False


class Plan(NamedTuple):
    """What a device gets: an environment of engines, and over it one of the runtime.

    Attributes:
        engines: their names.
        requirements: for pip.
        wheels: brought along.
        system_packages: whether the device's own packages are seen.
        offline: whether no package index is asked.
        engines_key: names the environment of engines, and changes with everything that it is made of.
        key: names that of the runtime; it changes with the runtime too.
    """

    engines: tuple[str, ...]
    requirements: tuple[str, ...]
    wheels: tuple[Path, ...]
    system_packages: bool
    offline: bool
    engines_key: str
    key: str


def plan(host: str, facts: Mapping[str, Any], manifest: Manifest, wish: Wish, runtime_digest: str) -> Plan:
    """The environment for a device, from what the device says of itself.

    Args:
        host: its name, for errors.
        facts: of `runtime.measure.machine.facts` there.
        manifest: of the bundle.
        wish: what the user asked for.
        runtime_digest: the SHA-256 of the device's wheel.

    Raises:
        RemoteError: no engine fits, or something is missing there that it takes.
    """
    python = _release(facts["python"])
    wide = facts["bits"] == 64
    # The package index has no numpy for 32-bit Arm: it is the system's own.
    system = wish.system_packages or not wide
    own = {name: version for name, version in facts["packages"].items() if version and system}
    engines = _engines(host, python, facts, manifest, wish, own)
    requirements = tuple(dict.fromkeys([NUMPY, *(each for name in engines for each in REQUIREMENTS[name])]))
    wheels = _wheels(wish.offline, facts) if wish.offline else ()
    if not wide and "numpy" not in own and not any(path.name.startswith("numpy-") for path in wheels):
        raise RemoteError(
            f"{host}: it has no numpy, and PyPI has none for 32-bit Arm; run there: sudo apt install python3-numpy"
        )
    if not facts["can_make_environments"]:
        raise RemoteError(
            f"{host}: its Python cannot make virtual environments; run there: sudo apt install python3-venv"
        )
    below = _key(requirements, [path.name for path in wheels], system, own, facts["python"])
    offline = wish.offline is not None
    return Plan(engines, requirements, wheels, system, offline, below, _key(below, runtime_digest))


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def check_space(host: str, facts: Mapping[str, Any]) -> None:
    """Refuses a disk that is too full for an environment; RemoteError."""
    free = facts["disk_free_mib"]
    if free < _LEAST_MIB:
        raise RemoteError(f"{host}: its disk has {free} MiB free; an environment takes about {_LEAST_MIB}")


def in_words(facts: Mapping[str, Any]) -> str:
    """A device in one line."""
    memory, available = facts["memory_mib"], facts["memory_available_mib"]
    shown = "unknown memory" if memory is None else f"{memory:,} MiB of memory ({available or 0:,} available)"
    packages = {name: version for name, version in facts["packages"].items() if version}
    installed = [f"{name} {version}" for name, version in packages.items()]
    installed += ["no numpy"] * ("numpy" not in packages) + ["no engine"] * (not packages.keys() - {"numpy"})
    cores = f"{facts['cores']} core{'s' if facts['cores'] != 1 else ''}"
    return (
        f"{facts['board']}, {facts['system'] or 'unknown system'}, {facts['bits']}-bit, Python {facts['python']}, "
        f"{cores}, {shown}, {facts['disk_free_mib']:,} MiB of disk free; installed: {', '.join(installed)}"
    )


def _engines(
    host: str,
    python: tuple[int, int],
    facts: Mapping[str, Any],
    manifest: Manifest,
    wish: Wish,
    own: Collection[str],
) -> tuple[str, ...]:
    """Those asked for; else for each format of the bundle the first that fits. RemoteError where none does.

    One that the device has of its own fits: Debian 13 has `python3-onnxruntime` where the index has no wheel.
    """
    known = {engine for variant in manifest.variants.values() for engine in variant.engines}
    why = {
        name: None if ENGINES[name].package in own else no_wheel(name, python, facts["bits"])
        for name in ENGINES
        if name in known
    }
    if wish.engines:
        for name in wish.engines:
            if name not in known:
                raise UsageError(
                    f"no variant of this bundle is for the engine {name}; known: {', '.join(why)}"
                )
            if why[name]:
                raise RemoteError(f"{host}: {why[name]}")
        return wish.engines
    found: dict[str, str] = {}
    for name, problem in why.items():
        if problem is None:
            found.setdefault(ENGINES[name].format, name)
    if not found:
        reasons = "; ".join(filter(None, why.values())) or "no variants"
        debian = (
            "onnxruntime" in why and facts["bits"] == 32 and python > (3, 12)
        )  # Debian 13 and later have it
        hint = "; run there: sudo apt install python3-onnxruntime" if debian else ""
        raise RemoteError(f"{host}: no engine fits: {reasons}{hint}")
    return tuple(found.values())


def _wheels(folder: Path, facts: Mapping[str, Any]) -> tuple[Path, ...]:
    """The wheels of a folder that may be for a device, by their names; its pip chooses among them.

    Raises:
        UsageError: there is none.
    """
    machine = facts["machine"] if facts["bits"] == 64 else "armv7l"
    every = sorted(folder.glob("*.whl")) if folder.is_dir() else []
    fit = [
        path
        for path in every
        if path.stem.endswith("-any") or path.stem.endswith(_MACHINES.get(machine, machine))
    ]
    if not fit:
        raise UsageError(f"{folder} has no wheels for {machine}; fill it with pip download --platform")
    return tuple(fit)


def _release(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


def missing(needed: Mapping[str, tuple[str, Path]], held: Sequence[str]) -> list[tuple[str, Path]]:
    """What must be sent: name and path of each file whose digest the device does not hold."""
    return [(f"{digest}/{name}", path) for digest, (name, path) in needed.items() if digest not in set(held)]
