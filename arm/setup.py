"""Sets up the emulation in a cache folder, once: QEMU, the userland, the wheels, the boards. Needs no root."""

import fcntl
import hashlib
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from arm import boards, debian, wheels
from arm.errors import ArmError

_PYTHON = ("python3.11-minimal", "libpython3.11-stdlib", "libc6", "libstdc++6", "libgcc-s1", "libgomp1")
_USERLANDS = {"arm64": _PYTHON, "armhf": (*_PYTHON, "python3-numpy")}


class Emulation(NamedTuple):
    """What a device is made of: folders in the cache."""

    board: str
    qemu: Path
    userland: Path
    machine: Path  # what QEMU shows in place of the host's /
    packages: tuple[Path, ...]


def cache_folder() -> Path:
    """EDGEPROOF_ARM_CACHE, or a folder in the user's cache."""
    named = os.environ.get("EDGEPROOF_ARM_CACHE")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named).absolute() if named else home / "edgeproof" / "arm"


def set_up(board: str, *engines: str) -> Emulation:
    """The emulation of a board with sets of engines (see arm/wheels.py), set up where it is not yet.

    Raises ArmError where this host cannot: no x86-64, no apt, no network.
    """
    row = boards.board(board)
    unknown = [name for name in engines if name not in wheels.ENGINES]
    if unknown:
        raise ArmError(f"unknown engines {unknown[0]!r}; known: {', '.join(wheels.ENGINES)}")
    if platform.machine() != "x86_64":
        raise ArmError(
            f"the boards are emulated on x86-64, this is {platform.machine()}: run the tests natively"
        )
    cache = cache_folder()
    with _alone(cache):
        with ThreadPoolExecutor() as pool:  # they wait for the network most of the time
            qemu = pool.submit(_debian, cache, "amd64", ("qemu-user",))
            userland = pool.submit(_debian, cache, row.architecture, _USERLANDS[row.architecture])
            packages = [pool.submit(_wheels, cache, name) for name in engines]
        machine = _once(
            cache,
            f"board-{board}",
            (row, userland.result()),
            lambda folder: boards.write_machine(row, userland.result(), folder),
        )
    folders = [each.result() for each in packages]
    if row.architecture == "armhf":
        folders.append(userland.result() / "usr" / "lib" / "python3" / "dist-packages")
    return Emulation(board, qemu.result(), userland.result(), machine, tuple(folders))


def cached(name: str, key: object, make: Callable[[Path], None]) -> Path:
    """A folder of the cache beside the boards, made where there is none for this key."""
    cache = cache_folder()
    with _alone(cache):
        return _once(cache, name, key, make)


def _debian(cache: Path, architecture: str, packages: tuple[str, ...]) -> Path:
    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=cache) as work:
            debian.unpack(packages, architecture, folder, Path(work))
        for program in folder.glob("usr/bin/qemu-*"):  # there are thirty machines, of 4 MB each
            if program.name not in ("qemu-aarch64", "qemu-arm"):
                program.unlink()

    return _once(cache, f"debian-{architecture}", (debian.RELEASE, packages), make)


def _wheels(cache: Path, name: str) -> Path:
    row = wheels.ENGINES[name]
    key = (row, wheels.requirements(row))
    return _once(cache, f"wheels-{name}", key, lambda folder: wheels.install(row, folder))


def _once(cache: Path, name: str, key: object, make: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, made where there is none for this key; it appears whole or not at all."""
    digest = hashlib.sha256(repr(key).encode()).hexdigest()[:12]
    place = cache / f"{name}-{digest}"
    if not place.exists():
        part = Path(tempfile.mkdtemp(dir=cache, prefix=f".{name}-"))
        try:
            make(part)
            part.chmod(0o755)  # mkdtemp makes it private
            part.rename(place)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    return place


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Lets one process at a time set up."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("w")
    except OSError as error:
        raise ArmError(
            f"{cache}: cannot be written ({error.strerror}); name another in EDGEPROOF_ARM_CACHE"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
