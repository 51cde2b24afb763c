"""The engines as a device has them: Arm wheels in a folder each, or Debian's own packages in the userland."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from arm.debian import RELEASES, run

_CONSTRAINTS = Path(__file__).parent.parent / "constraints"
_TAGS = {"arm64": "aarch64", "armhf": "armv7l"}  # of a wheel


class Engines(NamedTuple):
    """A set of packages that a device would install together, on a release of Debian and an architecture.

    Packages without a version take that of constraints/ for the release's Python. Those in `debian` are the release's
    own.
    """

    packages: tuple[str, ...]
    release: str = "bookworm"
    architecture: str = "arm64"
    debian: tuple[str, ...] = ()
    alone: bool = False  # without what they depend on


ENGINES: Mapping[str, Engines] = {
    # What `pip install` gives today: numpy 2, for which tflite-runtime was not built.
    "current": Engines(("ai-edge-litert", "onnxruntime", "numpy==2.4.6", "pillow")),
    "current-3.13": Engines(("ai-edge-litert", "onnxruntime", "numpy", "pillow"), "trixie"),
    # What `apt install` gives on Trixie: ONNX Runtime 1.21 with numpy 2.2.
    "debian": Engines((), "trixie", debian=("python3-onnxruntime", "python3-pil")),
    # All three engines, with the numpy that all three can use.
    "all": Engines(("ai-edge-litert", "onnxruntime", "tflite-runtime", "numpy", "pillow")),
    # numpy has no wheels for armv7l; on 32-bit Raspberry Pi OS it is Debian's package.
    "tflite-32": Engines(
        ("tflite-runtime",), "bookworm", "armhf", ("python3-numpy", "python3-pil"), alone=True
    ),
    # What the tests of the runtime need besides.
    "tests": Engines(("pytest", "pytest-timeout", "hypothesis")),
}
_GLIBC = ("2014", "_2_17", "_2_24", "_2_26", "_2_27", "_2_28", "_2_31", "_2_34", "_2_35", "_2_36")


def requirements(row: Engines) -> list[str]:
    """The packages of a set, each with its version: for an engine the one that this project is tested with."""
    constraints = _CONSTRAINTS / f"py{RELEASES[row.release].python.replace('.', '')}.txt"
    pins = dict(
        line.split("==") for line in constraints.read_text().splitlines() if "==" in line and line[0] != " "
    )
    return [name if "==" in name else f"{name}=={pins[name]}" for name in row.packages]


def install(row: Engines, folder: Path) -> None:
    """Installs the wheels of a set into `folder`; CommandError where one is missing or does not come."""
    # It would compare what a package requires with the Python that runs pip.
    ignored = ("--ignore-requires-python", "--no-warn-conflicts")
    _pip("install", row, *ignored, "--no-compile", f"--target={folder}")


def download(row: Engines, folder: Path) -> None:
    """Puts the wheels of a set into `folder` as they are, for a board's own pip; CommandError as for `install`."""
    _pip("download", row, f"--dest={folder}")


def _pip(what: str, row: Engines, *options: str) -> None:
    python = RELEASES[row.release].python
    platforms = [f"--platform=manylinux{glibc}_{_TAGS[row.architecture]}" for glibc in _GLIBC]
    abis = [f"--abi={abi}" for abi in (f"cp{python.replace('.', '')}", "abi3", "none")]
    run(
        sys.executable, "-m", "pip", what, "--quiet", "--disable-pip-version-check", *options,
        "--only-binary=:all:", f"--python-version={python}", "--implementation=cp", *abis,
        *platforms, *(["--no-deps"] if row.alone else []), *requirements(row),
    )  # fmt: skip
