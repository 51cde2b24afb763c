"""Counts the instructions that a device executes, between marks that the program there sets."""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from arm.boards import board
from arm.debian import run
from arm.device import Device
from arm.errors import ArmError
from arm.setup import cached

_SOURCE = Path(__file__).with_name("instructions.c")
_MARK = 0x41524D
# The same random numbers, order of sets and addresses in every run: what is copied and hashed depends on them.
# Whether modules were compiled before moves addresses too: none are. So does each name in a folder that modules are
# looked for in, because Python keeps a list of them.
_THE_SAME_AGAIN = {
    "QEMU_RAND_SEED": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONPYCACHEPREFIX": "/nonexistent",
}
_RESERVED = {"QEMU_RESERVED_VA": "64G"}  # the addresses of a 32-bit guest are all reserved anyway


def mark() -> None:
    """To be called on the device: what is executed from one mark to the next is counted."""
    _getpriority(_MARK, 0)


_getpriority = ctypes.CDLL(None).getpriority  # looked up once: the look-up is not to be counted


def count(device: Device, *arguments: str, packages: Sequence[Path] = ()) -> list[int]:
    """Runs Python on a device; the instructions it executed from each mark to the next.

    It runs in a new folder with copies of `packages` and nothing else, and sees nothing of the environment: both take
    a place in its memory and so move all other addresses.
    Raises ArmError where the program fails, or the plugin cannot be compiled.
    """
    plugin = cached("instructions", _SOURCE.read_text(), _compile) / "instructions.so"
    again = _THE_SAME_AGAIN | (_RESERVED if board(device.board).architecture == "arm64" else {})
    with tempfile.TemporaryDirectory() as place:
        counts, folder = Path(place) / "counts", Path(place) / "packages"
        folder.mkdir()
        for package in packages:
            _copy(package, folder)
        done = subprocess.run(
            [str(device.python), *arguments],
            cwd=folder,
            env=again | {"QEMU_PLUGIN": f"file={plugin},out={counts}"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise ArmError(
                f"the counted program failed: {said[-1] if said else f'exit code {done.returncode}'}"
            )
        totals = [int(line) for line in counts.read_text().split()]
    return [after - before for before, after in pairwise(totals)]


def _copy(package: Path, folder: Path) -> None:
    """Copies the modules in the order of their names, which some file systems list them in."""
    for module in sorted(package.rglob("*.py")):
        place = folder / module.relative_to(package.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(module, place)


def _compile(folder: Path) -> None:
    options = ("-O2", "-shared", "-fPIC", "-fvisibility=hidden")
    run("cc", *options, "-o", str(folder / "instructions.so"), str(_SOURCE))
