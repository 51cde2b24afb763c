"""A device: a virtual environment on a board, or a bare board; its Python is an Arm Python."""

import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from arm.boards import board
from arm.debian import RELEASES, run
from arm.setup import Emulation, set_up


class Device(NamedTuple):
    """A board with its packages. `python` runs there, from a shell, a script or a test alike."""

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
    _write_launcher(parts, device.python)
    return device


def make_bare_board(folder: Path, board_name: str) -> Device:
    """A board in `folder` as it comes: the system's own Python, which can make virtual environments."""
    parts = set_up(board_name)
    system = folder / "usr"
    device = Device(board_name, system / "bin" / "python3")
    device.python.parent.mkdir(parents=True)
    # Python looks for its modules from its own folder upwards. Up at / it would find those of the host's Python.
    (system / "lib").symlink_to(parts.userland / "usr" / "lib")
    _write_launcher(parts, device.python)
    return device


def _version(board_name: str) -> str:
    return RELEASES[board(board_name).release].python


def _write_launcher(parts: Emulation, python: Path) -> None:
    """Writes a shell script that is the device's Python.

    The name it passes on is the one it was called by, so that sys.executable is this script, or a link to it: what
    the guest starts with `subprocess` goes to the host's kernel, which can start a script but no Arm program. By the
    name of the link a Python knows that it is the one of a virtual environment that was made on the device.
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
    ]
    # Debian's numpy finds BLAS and LAPACK through links that its installation would make.
    arm = parts.userland / "usr" / "lib" / ("aarch64-linux-gnu" if wide else "arm-linux-gnueabihf")
    command += ["-E", f"LD_LIBRARY_PATH={arm}/blas:{arm}/lapack"]
    program = parts.userland / "usr" / "bin" / f"python{_version(parts.board)}"
    python.write_text(
        "#!/bin/sh\n"
        f"# Python on a {row.title}, emulated. QEMU reads more options in the environment.\n"
        "unset LD_LIBRARY_PATH LD_PRELOAD PYTHONHOME PYTHONPATH VIRTUAL_ENV QEMU_CPU\n"
        "export PYTHONNOUSERSITE=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1\n"
        f'exec {shlex.join(command)} -0 "$0" {shlex.quote(str(program))} "$@"\n'
    )
    python.chmod(0o755)
