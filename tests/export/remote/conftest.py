"""A device: a real OpenSSH server on this machine, with a home, a PATH and a disk of its own."""

import fcntl
import functools
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from arm.errors import ArmError
from arm.server import make_account, serving
from export.remote.on_device import MADE, digest_of
from tests import bundles
from tests.conftest import EXPORTS, ROOT, skip_without

_REASON = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter, config):
    """A skipped test is a letter in a line of dots; that nothing was sent over ssh must be seen."""
    reason = config.stash.get(_REASON, None)
    if reason:
        terminalreporter.section("THE TESTS OVER SSH DID NOT RUN", sep="!", red=True, bold=True)
        terminalreporter.line(f"`remote` was not tried against a server: {reason}")
        terminalreporter.line("EDGEPROOF_SSHD=required makes this a failure.")


@pytest.fixture(scope="session")
def server(request, tmp_path_factory):
    """The server: its port, and the folder with its keys. Its sessions run on the device that the client names."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(serving(tmp_path_factory.mktemp("sshd")))
        except ArmError as error:
            skip_without("server", "EDGEPROOF_SSHD", error, request, _REASON)
        yield running


@pytest.fixture
def device(server, tmp_path):
    """A device with an empty home in a folder whose name must be quoted; `pi-2` has another home, beside it."""
    return made(server, tmp_path)


def made(server, at):
    """Makes a device in a folder."""
    return make_account(server, at, Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}")


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """A small bundle; do not change it."""
    return bundles.table_bundle(tmp_path_factory.mktemp("remote") / "bundle")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Wheels for a device without a network: numpy and one engine, for this very machine."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:",
         "--dest", str(folder), "numpy", "ai-edge-litert>=2.0"],
        check=True,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def installed(server, bundle, wheels, tmp_path_factory):
    """The home of a device that was visited before; copy it.

    It outlives a run: the next visit finds what is there, and installs no packages again.
    """
    place = EXPORTS / "device"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        device = made(server, place)
        code, _, err = visited(
            device, "pi", bundle, "--engine", "litert", "--offline", wheels, "--calls", "10"
        )
        assert code == 0, err
        return shutil.copytree(device.home, tmp_path_factory.mktemp("installed") / "home", symlinks=True)


@pytest.fixture
def before(request, device):
    """What is installed on the device before a test; `state` must say the same after a fault."""
    if request.param == "over an installation":
        copy(request.getfixturevalue("installed"), device.home)
    return state(device)


def copy(home, to):
    """Copies a home by links to its files; `state` compares what is in them too."""
    shutil.copytree(home, to, symlinks=True, dirs_exist_ok=True, copy_function=os.link)


@pytest.fixture
def remote(device):
    """Runs the command here, for the device; exit code, stdout, stderr."""
    return functools.partial(visited, device)


def visited(device, *arguments, ssh=None):
    """Runs `remote` with the ssh of a device; exit code, stdout, stderr. The reports are in its folder, in `out`."""
    command = [sys.executable, "-m", "export", "remote", *map(str, arguments)]
    command += ["--ssh", ssh or device.ssh, "--out", str(device.folder / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=550)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def here(tmp_path_factory):
    """A Python of the device that has the runtime and the engines: this one, with this checkout."""
    script = tmp_path_factory.mktemp("here") / "python"
    script.write_text(f'#!/bin/sh\nexport PYTHONPATH={ROOT}\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return script


def files(folder):
    """What is in a folder, by name."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def state(device):
    """All that counts as installed: every file's digest, and where every link leads."""
    place, found = device.home / "edgeproof", {}
    for path in (
        path for name in ("current", *MADE, "bundles") for path in (place / name, *(place / name).rglob("*"))
    ):
        name = str(path.relative_to(place))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file() and "__pycache__" not in path.parts:
            found[name] = digest_of(path)
    return found


def error(code, out, err):
    """The one line that says what was wrong."""
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 1 and out == "" and len(lines) == 1 and err.endswith(f"{lines[0]}\n"), err
    return lines[0].removeprefix("error: ")


def index_at(device, port):
    """Makes the package index of the device one at a port of this machine, and no other."""
    device.take_python((device.programs / "python3").resolve(), port)
