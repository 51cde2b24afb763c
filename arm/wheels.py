"""The engines as a device has them: Arm wheels in a folder each, fetched by the pip of this host."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from arm.debian import run

_CONSTRAINTS = Path(__file__).parent.parent / "constraints" / "py311.txt"


class Engines(NamedTuple):
    """A set of packages that a device would install together. Names alone take the version of constraints/py311.txt."""

    packages: tuple[str, ...]
    machine: str  # as wheels are tagged
    alone: bool = False  # without what they depend on


ENGINES: Mapping[str, Engines] = {
    # What `pip install` gives today: numpy 2, for which tflite-runtime was not built.
    "current": Engines(("ai-edge-litert", "onnxruntime", "numpy==2.4.6", "pillow"), "aarch64"),
    # All three engines, with the numpy that all three can use.
    "all": Engines(("ai-edge-litert", "onnxruntime", "tflite-runtime", "numpy", "pillow"), "aarch64"),
    # numpy has no wheels for armv7l; on 32-bit Raspberry Pi OS it is Debian's package.
    "tflite-32": Engines(("tflite-runtime",), "armv7l", alone=True),
    # What the tests of the runtime need besides.
    "tests": Engines(("pytest", "pytest-timeout", "hypothesis"), "aarch64"),
}
_GLIBC = ("2014", "_2_17", "_2_24", "_2_26", "_2_27", "_2_28", "_2_31", "_2_34", "_2_35", "_2_36")


def requirements(row: Engines) -> list[str]:
    """The packages of a set, each with its version: for an engine the one that this project is tested with."""
    pins = dict(
        line.split("==") for line in _CONSTRAINTS.read_text().splitlines() if "==" in line and line[0] != " "
    )
    return [name if "==" in name else f"{name}=={pins[name]}" for name in row.packages]


def install(row: Engines, folder: Path) -> None:
    """Installs the wheels of a set into `folder`; ArmError where one is missing."""
    platforms = [f"--platform=manylinux{glibc}_{row.machine}" for glibc in _GLIBC]
    abis = [f"--abi={abi}" for abi in ("cp311", "abi3", "none")]
    run(
        sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-conflicts",
        "--only-binary=:all:", "--no-compile", "--python-version=3.11", "--implementation=cp", *abis, *platforms,
        *(["--no-deps"] if row.alone else []), f"--target={folder}", *requirements(row),
    )  # fmt: skip
