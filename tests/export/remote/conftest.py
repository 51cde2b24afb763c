"""A device: a real OpenSSH server on this machine, with a home, a PATH and a disk of its own."""

import fcntl
import functools
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from export.remote.on_device import MADE, digest_of
from tests import bundles
from tests.conftest import EXPORTS, ROOT

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
FOLDER = 'it\'s a "device"'  # its name must be quoted
_REASON = pytest.StashKey[str]()


def pytest_terminal_summary(terminalreporter, config):
    """A skipped test is a letter in a line of dots; that nothing was sent over ssh must be seen."""
    reason = config.stash.get(_REASON, None)
    if reason:
        terminalreporter.section("THE TESTS OVER SSH DID NOT RUN", sep="!", red=True, bold=True)
        terminalreporter.line(f"`remote` was not tried against a server: {reason}")
        terminalreporter.line("EDGEPROOF_SSHD=required makes this a failure.")


class Device(NamedTuple):
    """A server that ssh reaches as `pi` by its own configuration; its home, and the programs that are found there."""

    ssh: str
    home: Path
    programs: Path
    folder: Path

    def program(self, name, text):
        """Puts a program in front of all others there."""
        (self.programs / name).write_text(text)
        (self.programs / name).chmod(0o755)

    def config(self, **changes):
        """The command of another ssh that is configured otherwise."""
        kept = [
            line
            for line in (self.folder / "config").read_text().splitlines()
            if line.split()[0] not in changes
        ]
        place = self.folder / f"config-{'-'.join(changes)}-{len(list(self.folder.iterdir()))}"
        place.write_text("\n".join([*kept, *(f"  {name} {value}" for name, value in changes.items())]) + "\n")
        return f"ssh -F {shlex.quote(str(place))}"


def _cannot() -> str | None:
    if SSHD is None:
        return "there is no sshd; install the package openssh-server"
    if shutil.which("ssh") is None:
        return "there is no ssh; install the package openssh-client"
    if os.getuid() == 0:
        try:
            Path("/run/sshd").mkdir(
                mode=0o755, exist_ok=True
            )  # where a server of root's keeps its child without rights
        except OSError as error:
            return f"/run/sshd cannot be made ({error.strerror})"
    return None


@pytest.fixture(scope="session")
def server(request, tmp_path_factory):
    """The server: its port, and the folder with its keys. Its sessions run on the device that the client names."""
    reason = _cannot()
    if reason:
        if os.environ.get("EDGEPROOF_SSHD") == "required":
            pytest.fail(f"EDGEPROOF_SSHD=required, and no server: {reason}", pytrace=False)
        request.config.stash[_REASON] = reason
        pytest.skip(f"no server: {reason}")
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "user", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized_keys\n"
        f"PidFile {folder}/pid\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        f"KbdInteractiveAuthentication no\nForceCommand {folder}/session\n"
        f"SetEnv HOME={folder}\n"  # bash reads its .bashrc even for a command over ssh; this one has none
        "AcceptEnv EDGEPROOF_DEVICE EDGEPROOF_HOME\n"
    )
    (folder / "session").write_text(
        "#!/bin/sh\n"
        f'cd "$EDGEPROOF_DEVICE"/{shlex.quote(FOLDER)} || exit\n'
        'export HOME="$PWD/${EDGEPROOF_HOME:-home}" PATH="$PWD/programs:/usr/bin:/bin"\n'
        'cd "$HOME" && exec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    (folder / "session").chmod(0o755)
    for name in ("host", "other"):
        kind, key, *_ = (folder / f"{name}.pub").read_text().split()
        (folder / f"known-{name}").write_text(f"[127.0.0.1]:{port} {kind} {key}\n")
    command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log) as sshd:
        for _ in range(300):
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            pytest.fail(f"the server does not start: {(folder / 'log').read_text()}")
        yield port, folder
        sshd.terminate()


@pytest.fixture
def device(server, tmp_path):
    """A device with an empty home in a folder whose name must be quoted; `pi-2` has another home, beside it."""
    return made(server, tmp_path)


def made(server, at):
    """Makes a device in a folder."""
    port, keys = server
    home, programs = at / FOLDER / "home", at / FOLDER / "programs"
    for each in (home, at / FOLDER / "home-2", programs):
        each.mkdir(parents=True, exist_ok=True)
    (programs / "python3").unlink(missing_ok=True)  # of an earlier run
    (programs / "python3").symlink_to(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}")
    (at / "config").write_text(
        f"Host pi-2\n  SetEnv EDGEPROOF_DEVICE={at} EDGEPROOF_HOME=home-2\n"
        f"Host pi pi-2\n  IdentitiesOnly yes\n  IdentityFile {keys}/user\n  UserKnownHostsFile {keys}/known-host\n"
        f"  HostName 127.0.0.1\n  Port {port}\n  SetEnv EDGEPROOF_DEVICE={at}\n"
    )
    return Device(f"ssh -F {shlex.quote(str(at / 'config'))}", home, programs, at)


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
    real = (device.programs / "python3").resolve()
    (device.programs / "python3").unlink()
    settings = f"PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=http://127.0.0.1:{port}/simple PIP_RETRIES=0 PIP_FIND_LINKS="
    device.program("python3", f'#!/bin/sh\nexport {settings}\nexec {real} "$@"\n')
