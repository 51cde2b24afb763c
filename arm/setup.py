"""Sets up the emulation in a cache folder, once: QEMU, the userland, the wheels, the boards. Needs no root."""

import fcntl
import hashlib
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from arm import boards, debian, wheels
from arm.boards import Board
from arm.errors import ArmError, CommandError

_QEMU_RELEASE = "bookworm"  # one QEMU for all boards, so that they differ in nothing else
_PAUSES = (2.0, 10.0)  # seconds before a download that failed is tried again
Make = Callable[[Path], None]


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

    Raises ArmError where this host cannot: no x86-64, no apt, no network, no space. What was set up before stays.
    """
    row = boards.board(board)
    for name in engines:
        _check(board, row, name)
    if platform.machine() != "x86_64":
        raise ArmError(
            f"the boards are emulated on x86-64, this is {platform.machine()}: run the tests natively"
        )
    debian_packages = tuple(each for name in engines for each in wheels.ENGINES[name].debian)
    python = debian.RELEASES[row.release].packages
    cache = cache_folder()
    with _alone(cache):
        with ThreadPoolExecutor() as pool:  # they wait for the network most of the time
            qemu = pool.submit(_debian, cache, _QEMU_RELEASE, "amd64", ("qemu-user",))
            userland = pool.submit(_debian, cache, row.release, row.architecture, (*python, *debian_packages))
            packages = [
                pool.submit(_wheels, cache, name) for name in engines if wheels.ENGINES[name].packages
            ]
        machine = _once(
            cache,
            f"board-{board}",
            (row, userland.result(), boards.OF_THE_SYSTEM),
            lambda folder: boards.write_machine(row, userland.result(), folder),
        )
    folders = [each.result() for each in packages]
    if debian_packages:
        folders.append(userland.result() / "usr" / "lib" / "python3" / "dist-packages")
    return Emulation(board, qemu.result(), userland.result(), machine, tuple(folders))


def wheel_files(engines: str) -> Path:
    """A folder of the cache with the wheels of a set (see arm/wheels.py) as files, for a board's own pip.

    Raises ArmError where they do not come.
    """
    row = wheels.ENGINES[engines]
    cache = cache_folder()
    with _alone(cache):
        key = (row, wheels.requirements(row))
        return _once(
            cache, f"files-{engines}", key, lambda folder: wheels.download(row, folder), downloads=True
        )


def cached(name: str, key: object, make: Make) -> Path:
    """A folder of the cache beside the boards, made where there is none for this key."""
    cache = cache_folder()
    with _alone(cache):
        return _once(cache, name, key, make)


def _check(board: str, row: Board, engines: str) -> None:
    fit = [
        name
        for name, each in wheels.ENGINES.items()
        if (each.release, each.architecture) == (row.release, row.architecture)
    ]
    if engines not in fit:
        raise ArmError(f"unknown engines {engines!r} for {board}; it can have: {', '.join(fit)}")


def _debian(cache: Path, release: str, architecture: str, packages: tuple[str, ...]) -> Path:
    def make(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=cache, prefix=".apt-") as work:
            debian.unpack(packages, release, architecture, folder, Path(work))
        for program in folder.glob("usr/bin/qemu-*"):  # there are thirty machines, of 4 MB each
            if program.name not in ("qemu-aarch64", "qemu-arm"):
                program.unlink()

    return _once(cache, f"debian-{architecture}", (release, packages), make, downloads=True)


def _wheels(cache: Path, name: str) -> Path:
    row = wheels.ENGINES[name]
    key = (row, wheels.requirements(row))
    return _once(cache, f"wheels-{name}", key, lambda folder: wheels.install(row, folder), downloads=True)


def _once(cache: Path, name: str, key: object, make: Make, downloads: bool = False) -> Path:
    """The folder `name` of the cache, made where there is none for this key; it appears whole or not at all.

    What downloads is tried again from the start, in an empty folder.
    """
    digest = hashlib.sha256(repr(key).encode()).hexdigest()[:12]
    place = cache / f"{name}-{digest}"
    if not place.exists():
        _retried(lambda: _whole(place, make), _PAUSES if downloads else ())
    return place


def _retried(do: Callable[[], None], pauses: Sequence[float]) -> None:
    """Does it, and again after each of the pauses while a command fails; ArmError where the last time failed too."""
    for pause in pauses:
        try:
            return do()
        except CommandError:
            time.sleep(pause)
    try:
        do()
    except CommandError as error:
        tries = f"; tried {len(pauses) + 1} times" if pauses else ""
        raise ArmError(f"{error}{tries}") from None


def _whole(place: Path, make: Make) -> None:
    """Lets `make` fill a folder, and gives it its name only then."""
    try:
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as work:
            part = Path(work) / "part"
            part.mkdir()
            make(part)
            part.rename(place)
    except OSError as error:
        raise ArmError(
            f"{place}: cannot be written ({error.strerror}); name another folder in EDGEPROOF_ARM_CACHE"
        ) from None


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Lets one process at a time set up, and removes what one that was killed left half done."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / "lock").open("w")
    except OSError as error:
        raise ArmError(
            f"{cache}: cannot be written ({error.strerror}); name another folder in EDGEPROOF_ARM_CACHE"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in cache.glob(".*-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
