"""A device: a folder like a virtual environment on a board, whose `bin/python` is an Arm Python."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from arm.boards import board
from arm.debian import RELEASES, run
from arm.setup import Emulation, set_up


class Device(NamedTuple):
    """A board with packages installed. `python` runs there, from a shell, a script or a test alike."""

    board: str
    python: Path

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return self.python.parent.parent / "lib" / f"python{_version(self.board)}" / "site-packages"

    def run(self, *arguments: str, folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """Runs Python there, in `folder` or the current one; the host's files are the device's."""
        command = [str(self.python), *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    def install(self, wheel: Path) -> None:
        """Installs a pure wheel, without what it depends on."""
        run(
            sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--no-compile", f"--target={self.site}", str(wheel),
        )  # fmt: skip


def make_device(folder: Path, board_name: str, *engines: str) -> Device:
    """A device in `folder`, with sets of engines (see arm/wheels.py); sets up the emulation where it is not yet."""
    parts = set_up(board_name, *engines)
    device = Device(board_name, folder / "bin" / "python")
    device.site.mkdir(parents=True)
    device.python.parent.mkdir()
    (folder / "pyvenv.cfg").write_text(
        f"home = {parts.userland}/usr/bin\ninclude-system-site-packages = false\nversion = {_version(board_name)}\n"
    )
    (device.site / "engines.pth").write_text("".join(f"{path}\n" for path in parts.packages))
    device.python.write_text(_launcher(parts, device.python))
    device.python.chmod(0o755)
    return device


def _version(board_name: str) -> str:
    return RELEASES[board(board_name).release].python


def _launcher(parts: Emulation, python: Path) -> str:
    """A shell script that is the device's Python.

    The name it passes on is its own, so that sys.executable is this script: what the guest starts with
    `subprocess` goes to the host's kernel, which can start a script but no Arm program.
    """
    row = board(parts.board)
    wide = row.architecture == "arm64"
    # QEMU with the loader and the libraries it was built with, whatever the host has: `lib64` is a link to the host's
    # loader, and that of a newer Debian ends every program with these libraries.
    libraries = [parts.qemu / path for path in ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")]
    command = [
        str(libraries[0] / "ld-linux-x86-64.so.2"),
        "--library-path",
        ":".join(map(str, libraries)),
        str(parts.qemu / "usr" / "bin" / ("qemu-aarch64" if wide else "qemu-arm")),
        *("-cpu", row.core),
        *("-L", str(parts.machine)),
        *("-0", str(python)),
    ]
    # Debian's numpy finds BLAS and LAPACK through links that its installation would make.
    arm = parts.userland / "usr" / "lib" / ("aarch64-linux-gnu" if wide else "arm-linux-gnueabihf")
    command += ["-E", f"LD_LIBRARY_PATH={arm}/blas:{arm}/lapack"]
    return "\n".join(
        [
            "#!/bin/sh",
            f"# Python on a {row.title}, emulated. QEMU reads more options in the environment.",
            "unset LD_LIBRARY_PATH LD_PRELOAD PYTHONHOME PYTHONPATH VIRTUAL_ENV QEMU_CPU",
            "export PYTHONNOUSERSITE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1",
            f'exec {shlex.join(command)} {shlex.quote(f"{parts.userland}/usr/bin/python{_version(parts.board)}")} "$@"',
            "",
        ]
    )
