"""`doctor`: what is installed on this device, what would run which variant, and what to type to get the rest.

It works where numpy is missing, so nothing that needs numpy is imported before that is known.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from runtime.command import as_called
from runtime.measure.machine import facts
from runtime.version import __version__

if TYPE_CHECKING:
    from runtime.bundle.reader import Bundle

_OLDEST_PYTHON = (3, 10)
# Where Debian's own packages are; an environment sees them only with --system-site-packages.
_DEBIAN = Path("/usr/lib/python3/dist-packages")
_APT = {"onnxruntime": "python3-onnxruntime", "numpy": "python3-numpy"}
_WORKS = "works"


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    example = "python -m runtime doctor artifacts/mnist-cnn/bundle"
    made = argparse.ArgumentParser(
        prog=as_called("python -m runtime doctor"),
        description=fill(
            "Say what is installed on this device, which variants of a bundle would run with it, and what to type to "
            "get the rest. Nothing is changed. Exit code 1 where nothing would run.",
            80,
        ),
        epilog=f"example:\n  {as_called(example)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("bundle", metavar="BUNDLE", nargs="?", type=Path, help="a bundle: a folder or one .zip")
    made.add_argument("--json", action="store_true", help="print JSON for a program to read")
    return made


def run(args: argparse.Namespace) -> int:
    """Exit code 1 where no engine works, or none that could run a variant of the bundle."""
    here = facts()
    numpy_version, problem = _numpy(here)
    engines: dict[str, tuple[str | None, str]] = {}
    variants: dict[str, dict[str, str]] = {}
    bundle = None
    if sys.version_info[:2] >= _OLDEST_PYTHON:
        engines = _engines(here, problem)
    if problem is None:
        from runtime.bundle.reader import open_bundle

        bundle = open_bundle(args.bundle) if args.bundle else None
        variants = _variants(bundle, engines) if bundle else {}
    found = {
        "machine": here,
        "edgeproof": __version__,
        "numpy": numpy_version,
        "engines": {name: {"version": version, "here": text} for name, (version, text) in engines.items()},
        "variants": variants,
        "to_type": _to_type(here, engines, problem, bundle),
    }
    if args.json:
        import json

        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print("\n".join(_lines(found, problem)))
    if bundle is None:
        return 0 if any(text == _WORKS for _, text in engines.values()) else 1
    return 0 if any(_WORKS in texts.values() for texts in variants.values()) else 1


def _numpy(here: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The version of numpy, and what is wrong with it or with the Python; None where nothing is."""
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return None, f"Python {here['python']} is too old; the runtime needs 3.10 or newer"
    try:
        import numpy
    except Exception as error:  # one for another processor fails with errors of every kind
        missing = isinstance(error, ModuleNotFoundError) and error.name == "numpy"
        return None, "numpy is not installed" if missing else f"numpy cannot be imported: {error}"
    return numpy.__version__, None


def _engines(here: Mapping[str, Any], problem: str | None) -> dict[str, tuple[str | None, str]]:
    """The version of each engine, None where it is missing; and whether it works, or why not.

    Where there is a problem with numpy, no engine can be imported to see whether it works.
    """
    from runtime.backends import ENGINES, engine_version, no_wheel, probe

    found: dict[str, tuple[str | None, str]] = {}
    for name, engine in ENGINES.items():
        version = engine_version(name)
        if version is not None:
            found[name] = version, "it needs numpy" if problem else probe(name) or _WORKS
        elif _beside(engine.module, here):
            found[name] = None, "Debian's own is installed, but this environment does not see it"
        else:
            found[name] = None, no_wheel(name) or "not installed"
    return found


def _beside(module: str, here: Mapping[str, Any]) -> bool:
    """Whether Debian's own package is there and this environment does not see it."""
    return not here["system_packages"] and (_DEBIAN / module).is_dir()


def _variants(bundle: "Bundle", engines: Mapping[str, tuple[str | None, str]]) -> dict[str, dict[str, str]]:
    """For each variant of a device and each engine that it is for: whether it would run, or why not."""
    from runtime.commands.info import verdicts

    found: dict[str, dict[str, str]] = {}
    for row in bundle.manifest.variants.values():
        if row.format == "saved_model":
            continue
        versions = {name: engines[name][0] for name in row.engines if name in engines}
        against = verdicts(bundle, row, versions)
        found[row.name] = {
            name: (engines[name][1] if engines[name][1] != _WORKS else None) or against[name] or _WORKS
            for name in versions
        }
    return found


def _to_type(
    here: Mapping[str, Any],
    engines: Mapping[str, tuple[str | None, str]],
    problem: str | None,
    bundle: "Bundle | None",
) -> list[str]:
    """The commands that bring what is missing, each with a word on what it brings."""
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return ["install Raspberry Pi OS Bookworm or newer, which has Python 3.11 or newer"]
    from runtime.backends import ENGINES, no_wheel

    needed = set(ENGINES)
    if bundle is not None:
        needed = {name for row in bundle.manifest.variants.values() for name in row.engines}
    # Where numpy is missing, an engine that is installed lacks nothing else that is known.
    good = {
        name
        for name, (version, text) in engines.items()
        if text == _WORKS or (problem and version is not None)
    }
    has_tflite = bool(good & {"litert", "tflite-runtime"})
    apt: list[str] = []
    pip: list[str] = []
    mend: list[str] = []
    beside = False
    for name, (version, text) in engines.items():
        if name not in needed or name in good:
            continue
        if name == "tflite-runtime" and (has_tflite or (version is None and no_wheel("litert") is None)):
            continue  # LiteRT runs the same files
        if version is not None:
            mend.append(f"mend {name}: {text}")
        elif _beside(ENGINES[name].module, here) and not pip:
            beside = True
        elif no_wheel(name) is None:
            pip.append(ENGINES[name].package)
        elif name in _APT and _debian_release(here) >= 13:
            apt.append(_APT[name])
    narrow = here["bits"] == 32
    if narrow and not (apt or pip or mend or beside or good & needed):
        return [
            "no engine has a wheel for this Python on a 32-bit system: install 64-bit Raspberry Pi OS, or Bookworm, "
            "whose Python 3.11 tflite-runtime has wheels for"
        ]
    if problem is not None:  # the package index has no wheel of numpy for 32-bit Arm
        (apt if narrow else pip).insert(0, _APT["numpy"] if narrow else "numpy")
    return [*_commands(here, apt, pip, narrow or bool(apt) or beside, bool(apt) or beside), *mend]


def _commands(
    here: Mapping[str, Any], apt: list[str], pip: list[str], with_system: bool, must_see: bool
) -> list[str]:
    """The lines that install packages of Debian and of the index.

    Args:
        here: facts of this machine.
        apt: packages of Debian.
        pip: packages of the index.
        with_system: whether a new environment is to see Debian's packages.
        must_see: whether one must be made where this one does not see them.
    """
    new = (must_see and not here["system_packages"]) or (bool(pip) and here["pip_refuses"])
    if new and not here["can_make_environments"]:
        apt = [*apt, "python3-venv"]  # Debian has that part of Python in a package of its own
    lines = [f"sudo apt install {' '.join(apt)}"] if apt else []
    if new:
        lines.append(f"python3 -m venv {'--system-site-packages ' if with_system else ''}venv")
    if pip:
        lines.append(f"{'venv/bin/' if new else ''}pip install {' '.join(pip)}")
    return lines


def _debian_release(here: Mapping[str, Any]) -> int:
    """The number of the Debian or Raspberry Pi OS release; 0 for other systems."""
    system = str(here["system"] or "")
    digits = "".join(letter for letter in system if letter.isdigit())[:2]
    return int(digits) if digits and ("Debian" in system or "Raspbian" in system) else 0


def _lines(found: Mapping[str, Any], problem: str | None) -> list[str]:
    from runtime.commands.table import aligned

    here = found["machine"]
    where = "virtual environment" if here["environment"] else "the system's own"
    lines = [
        f"board:     {here['board']}, {here['machine']}, {here['cores']} core{'s' if here['cores'] != 1 else ''}",
        f"system:    {here['system'] or 'unknown'}, {here['bits']}-bit, Linux {here['kernel']}",
        f"memory:    {_mib(here['memory_mib'])}, {_mib(here['memory_available_mib'])} available; "
        f"{_mib(here['disk_free_mib'])} free on this disk",
        f"Python:    {here['python']}, {here['executable']} ({where})",
        f"numpy:     {found['numpy'] or problem}",
        f"edgeproof: {found['edgeproof']}",
    ]
    if found["engines"]:
        rows = [(name, row["version"] or "-", row["here"]) for name, row in found["engines"].items()]
        lines += ["", aligned(("engine", "version", "here"), rows)]
    if found["variants"]:
        fitting = [
            (variant, ", ".join(name for name, text in texts.items() if text == _WORKS) or "nothing here")
            for variant, texts in found["variants"].items()
        ]
        lines += ["", aligned(("variant", "would run with"), fitting)]
        known = {row["here"] for row in found["engines"].values()}
        lines += [
            f"{variant} with {engine}: {text}"
            for variant, texts in found["variants"].items()
            for engine, text in texts.items()
            if text not in known
        ]
        lines += ["", "Whether the answers are right is for `verify` to say."]
    if found["to_type"]:
        lines += ["", "to get the rest:", *(f"  {line}" for line in found["to_type"])]
    return [as_called(line) for line in lines]


def _mib(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,} MiB"
