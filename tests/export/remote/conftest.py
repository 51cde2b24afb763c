"""A device: a real OpenSSH server on this machine, with a home, a PATH and a disk of its own."""

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

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
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
    """The server: its port, and the folder with its keys. Its sessions run a script that a device writes."""
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
    )
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
    """A device with an empty home in a folder whose name must be quoted."""
    port, keys = server
    folder = tmp_path / 'it\'s a "device"'
    home, programs = folder / "home", folder / "programs"
    home.mkdir(parents=True)
    programs.mkdir()
    (programs / "python3").symlink_to(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info[1]}")
    quoted = {name: shlex.quote(str(path)) for name, path in (("home", home), ("programs", programs))}
    (keys / "session").write_text(
        f"#!/bin/sh\nexport HOME={quoted['home']} PATH={quoted['programs']}:/usr/bin:/bin\n"
        'cd "$HOME"\nexec sh -c "$SSH_ORIGINAL_COMMAND"\n'
    )
    (keys / "session").chmod(0o755)
    (tmp_path / "config").write_text(
        f"Host pi pi-2 pi-3\n  IdentitiesOnly yes\n  IdentityFile {keys}/user\n  UserKnownHostsFile {keys}/known-host\n"
        f"  HostName 127.0.0.1\n  Port {port}\n"
    )
    return Device(f"ssh -F {shlex.quote(str(tmp_path / 'config'))}", home, programs, tmp_path)
