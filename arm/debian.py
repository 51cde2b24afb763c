"""Debian packages with all they depend on, for any architecture, unpacked into a folder: no root, nothing installed."""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from arm.errors import ArmError, CommandError


class Release(NamedTuple):
    """A release of Debian, and with it of Raspberry Pi OS: its Python, and the packages of a userland for it."""

    python: str
    packages: tuple[str, ...]


_COMMON = ("base-files", "libc6", "libstdc++6", "libgcc-s1", "libgomp1")
RELEASES: Mapping[str, Release] = {
    # What `apt install python3-venv` brings is there too: a board can make virtual environments, with pip in them.
    "bookworm": Release("3.11", ("python3.11-venv", *_COMMON)),
    # All of its packages lie in /usr; base-files has the links /lib and /bin to it.
    "trixie": Release("3.13", ("python3.13-venv", *_COMMON)),
}
COMMAND_SECONDS = 900
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# What apt prints of a mirror: the archive's own `main`, since others have a folder dists/bookworm too.
_INDEX = re.compile(rf"'(\S+)/dists/(?:{'|'.join(RELEASES)})/main/binary-amd64/Packages")


def mirror() -> str:
    """The Debian mirror that this host's own apt uses, or the one EDGEPROOF_DEBIAN_MIRROR names."""
    named = os.environ.get("EDGEPROOF_DEBIAN_MIRROR")
    if named:
        return named
    # Works before the first `apt-get update` too: it only says what that would fetch.
    found = _INDEX.search(run("apt-get", "update", "--print-uris"))
    if not found:
        raise ArmError(
            f"this host's apt has no Debian mirror with {' or '.join(RELEASES)}; name one in "
            "EDGEPROOF_DEBIAN_MIRROR, or use a Debian 12 or 13 host or container"
        )
    return found[1]


def unpack(packages: Sequence[str], release: str, architecture: str, folder: Path, work: Path) -> None:
    """Fetches `packages` and their dependencies, checks them against Debian's signatures, unpacks them in `folder`.

    `work` is an empty folder for a private apt: its own lists, its own state in which nothing is installed. The
    host's are neither read nor changed. Raises ArmError where anything is missing, CommandError where a download fails.
    """
    if not _KEYRING.exists():
        raise ArmError(f"{_KEYRING} is missing; install the package debian-archive-keyring")
    for name in ("lists/partial", "archives/partial", "parts"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()
    source = f"deb [arch={architecture} signed-by={_KEYRING}] {mirror()} {release} main\n"
    (work / "sources.list").write_text(source)
    options = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "",
        "APT::Update::Error-Mode": "any",  # else a list that did not come is a warning, and packages are unknown
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Debug::NoLocking": "1",
        "Dir::Cache": str(work),
        "Dir::Cache::Archives": str(work / "archives"),
        "Dir::Etc::SourceList": str(work / "sources.list"),
        "Dir::Etc::SourceParts": str(work / "parts"),
        "Dir::State": str(work),
        "Dir::State::Lists": str(work / "lists"),
        "Dir::State::Status": str(work / "status"),
    }
    # As a file: apt reads it before it looks for the architectures of the host.
    config = work / "apt.conf"
    config.write_text("".join(f'{key} "{value}";\n' for key, value in options.items()))
    apt = ("env", f"APT_CONFIG={config}", "apt-get", "-qq")
    run(*apt, "update")
    run(*apt, "install", "-y", "--download-only", "--no-install-recommends", *packages)
    folder.mkdir(parents=True, exist_ok=True)
    for package in sorted((work / "archives").glob("*.deb")):
        run("dpkg-deb", "--extract", str(package), str(folder))


def run(*command: str) -> str:
    """What a command prints.

    Raises:
        ArmError: this host has no such program.
        CommandError: it failed, with what it said of the error, or did not end within COMMAND_SECONDS.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=COMMAND_SECONDS
        )
    except FileNotFoundError:
        raise ArmError(
            f"{command[0]} is not on this host; the boards need Debian's apt-get and dpkg, and counting a C compiler"
        ) from None
    except subprocess.TimeoutExpired:
        raise CommandError(f"`{' '.join(command)}` did not end within {COMMAND_SECONDS} s") from None
    if done.returncode:
        raise CommandError(f"`{' '.join(command)}` failed: {_complaint(done)}")
    return done.stdout


def _complaint(done: "subprocess.CompletedProcess[str]") -> str:
    """The line in which a failed command says why: the first error of apt and pip, the last line of others."""
    said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in said if line.startswith(("E: ", "ERROR: "))]
    return (errors or said[-1:] or [f"exit code {done.returncode}"])[0]
