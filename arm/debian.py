"""Debian packages with all they depend on, for any architecture, unpacked into a folder: no root, nothing installed."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from arm.errors import ArmError

RELEASE = "bookworm"  # Debian 12, and with it Raspberry Pi OS of that name: Python 3.11
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def mirror() -> str:
    """The Debian mirror that this host's own apt uses, or the one EDGEPROOF_DEBIAN_MIRROR names."""
    named = os.environ.get("EDGEPROOF_DEBIAN_MIRROR")
    if named:
        return named
    # Works before the first `apt-get update` too: it only says what that would fetch.
    suffix = f"/dists/{RELEASE}/InRelease"
    for line in run("apt-get", "update", "--print-uris").splitlines():
        uri = line.split(" ")[0].strip("'")
        if uri.endswith(suffix):
            return uri.removesuffix(suffix)
    raise ArmError(
        f"this host's apt has no Debian {RELEASE}; name a Debian mirror in EDGEPROOF_DEBIAN_MIRROR, "
        "or use a Debian 12 host or container"
    )


def unpack(packages: Sequence[str], architecture: str, folder: Path, work: Path) -> None:
    """Fetches `packages` and their dependencies, checks them against Debian's signatures, unpacks them in `folder`.

    `work` is an empty folder for a private apt: its own lists, its own state in which nothing is installed. The
    host's are neither read nor changed.
    """
    if not _KEYRING.exists():
        raise ArmError(f"{_KEYRING} is missing; install the package debian-archive-keyring")
    for name in ("lists/partial", "archives/partial", "parts"):
        (work / name).mkdir(parents=True)
    (work / "status").touch()
    source = f"deb [arch={architecture} signed-by={_KEYRING}] {mirror()} {RELEASE} main\n"
    (work / "sources.list").write_text(source)
    options = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "",
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
    """What a command prints; ArmError with its last line of complaint where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ArmError(
            f"{command[0]} is not on this host; the boards need Debian's apt-get and dpkg, and counting a C compiler"
        ) from None
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise ArmError(
            f"`{' '.join(command)}` failed: {said[-1] if said else f'exit code {done.returncode}'}"
        )
    return done.stdout
