"""A real OpenSSH server on this machine, and accounts on it with a home and a PATH of their own: devices to visit."""

import functools
import os
import shlex
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

from arm.errors import ArmError

FOLDER = 'it\'s a "device"'  # of an account; its name must be quoted
_START_S = 30


class Server(NamedTuple):
    """A server on this machine: its port, and the folder with its keys and `pid`."""

    port: int
    folder: Path


class Account(NamedTuple):
    """What ssh reaches as `pi` by a configuration of its own; its home, and the programs that are found there."""

    ssh: str
    home: Path
    programs: Path
    folder: Path

    def program(self, name: str, text: str) -> None:
        """Puts a program in front of all others there."""
        path = self.programs / name
        path.unlink(missing_ok=True)  # not what a link leads to
        path.write_text(text)
        path.chmod(0o755)

    def take_python(self, python: Path, index: int) -> None:
        """Has `python3` start this Python, whose pip asks the package index at a port of this machine and no other."""
        settings = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_INDEX_URL": f"http://127.0.0.1:{index}/simple",
            "PIP_FIND_LINKS": "",
            "PIP_RETRIES": "0",
        }
        export = " ".join(f"{name}={value}" for name, value in settings.items())
        self.program("python3", f'#!/bin/sh\nexport {export}\nexec {shlex.quote(str(python))} "$@"\n')

    def config(self, **changes: object) -> str:
        """The command of another ssh that is configured otherwise."""
        lines = (self.folder / "config").read_text().splitlines()
        kept = [line for line in lines if line.split()[0] not in changes]
        place = self.folder / f"config-{'-'.join(changes)}-{len(list(self.folder.iterdir()))}"
        place.write_text("\n".join([*kept, *(f"  {name} {value}" for name, value in changes.items())]) + "\n")
        return f"ssh -F {shlex.quote(str(place))}"


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Runs a server in an empty folder; ArmError where this host has none, or it does not start.

    Its sessions run in the account that the client names.
    """
    program = _sshd()
    for name in ("host", "user", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized_keys")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    _write_settings(folder, port)
    command = [program, "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log) as sshd:
        try:
            if not _answers(port):
                raise ArmError(f"the server does not start: {(folder / 'log').read_text()}")
            yield Server(port, folder)
        finally:
            sshd.terminate()


def make_account(server: Server, folder: Path, python: Path) -> Account:
    """An account in a folder whose name must be quoted; `pi-2` has another home, beside it.

    The homes are empty, unless the folder was an account before.

    Args:
        server: a server that runs.
        folder: a folder for it.
        python: what its `python3` is a link to.
    """
    home, programs = folder / FOLDER / "home", folder / FOLDER / "programs"
    for each in (home, folder / FOLDER / "home-2", programs):
        each.mkdir(parents=True, exist_ok=True)
    (programs / "python3").unlink(missing_ok=True)
    (programs / "python3").symlink_to(python)
    keys = server.folder
    (folder / "config").write_text(
        f"Host pi-2\n  SetEnv EDGEPROOF_DEVICE={folder} EDGEPROOF_HOME=home-2\n"
        f"Host pi pi-2\n  IdentitiesOnly yes\n  IdentityFile {keys}/user\n  UserKnownHostsFile {keys}/known-host\n"
        f"  HostName 127.0.0.1\n  Port {server.port}\n  SetEnv EDGEPROOF_DEVICE={folder}\n"
    )
    return Account(f"ssh -F {shlex.quote(str(folder / 'config'))}", home, programs, folder)


@contextmanager
def serving_wheels(wheels: Path, folder: Path) -> Iterator[tuple[int, set[str]]]:
    """Serves a folder of wheels as a package index, by way of an empty one: its port, and the projects asked for."""
    for wheel in wheels.glob("*.whl"):
        project = folder / "simple" / wheel.name.split("-")[0].replace("_", "-").lower()
        project.mkdir(parents=True)
        (project / wheel.name).symlink_to(wheel.absolute())
    asked: set[str] = set()

    class Index(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.add(self.path.split("/")[2])

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Index, directory=str(folder))) as index:
        threading.Thread(target=index.serve_forever, daemon=True).start()
        try:
            yield index.server_port, asked
        finally:
            index.shutdown()


def _sshd() -> str:
    """The server's program; ArmError where something is missing."""
    found = shutil.which("sshd") or shutil.which("/usr/sbin/sshd")
    if found is None:
        raise ArmError("there is no sshd; install the package openssh-server")
    if shutil.which("ssh") is None:
        raise ArmError("there is no ssh; install the package openssh-client")
    if os.getuid() == 0:
        try:  # where a server of root's keeps its child without rights
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        except OSError as error:
            raise ArmError(f"/run/sshd cannot be made ({error.strerror})") from None
    return found


def _write_settings(folder: Path, port: int) -> None:
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


def _answers(port: int) -> bool:
    for _ in range(_START_S * 10):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.1)
    return False
