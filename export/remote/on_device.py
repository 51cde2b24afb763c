"""The program that `python -m export remote` runs on the device by its own python3; nothing of it stays there.

It needs the standard library alone. It comes as `python3 -c`, takes one JSON text as its argument, and prints a JSON
object a line: what it is doing, and in the last line what came of it. Where the connection breaks, its standard input
ends: it then stops what it has started, and removes what is not whole. The package's docstring shows the folder.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

COMPLETE = "complete"
MADE = ("environments", "engines")
MARK = ".edgeproof"
PARTS = ("current", *MADE, "bundles", "lock", MARK)
# Python compiles a module when it is first imported. Of numpy and the engines those are few, and compiling all of them
# took more than half of pip's time.
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "install", "--no-compile")
_children: list[subprocess.Popen[str]] = []  # what is at work
_unfinished: list[Path] = []  # folders that are being made


class Refused(Exception):
    """What is wrong, in one line; or which program failed, its exit code, and what it printed."""


def tell(**values: Any) -> None:
    """Prints one object; the desk reads them line by line."""
    print(json.dumps(values), flush=True)


def main(order: dict[str, Any]) -> None:
    """Does one action of an order, and tells what came of it."""
    folder = Path(order["folder"]).expanduser()
    folder = folder if folder.is_absolute() else Path.home() / folder
    try:
        if order["action"] == "look":
            tell(done=look(folder, order))
            return
        claim(folder)
        take_lock(folder)
        if order["action"] != "receive":  # its standard input is what it receives
            threading.Thread(target=stop_when_left, daemon=True).start()
        tell(done=ACTIONS[order["action"]](folder, order))
    except Refused as error:
        clean_up()
        what, *program = error.args
        tell(failed=what, **({"program": program} if program else {}))
    except OSError as error:
        clean_up()
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        tell(failed="its disk is full" if full else f"{error.filename or folder}: {error.strerror or error}")


def take_lock(folder: Path) -> None:
    """Takes the lock until this program ends; Refused where another run has it for longer than one that is ending."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT)
    for _ in range(50):  # in five seconds; a run that was broken off may still be cleaning up
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.1)
    raise Refused(f"another run is at work in {folder}; try again when it is done")


def claim(folder: Path) -> None:
    """Makes the folder, or sees that it is ours: what is removed from it one day must not be somebody else's."""
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder} is a file; give another folder with --folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise Refused(f"{folder} is there, and was not made by edgeproof; give another folder with --folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()


def stop_when_left() -> None:
    """Waits until standard input ends, which is when the desk has gone; then ends what runs, and this program."""
    while os.read(0, 4096):
        pass
    for child in list(_children):
        os.killpg(child.pid, signal.SIGKILL)  # with what it has started itself
        child.wait()
    clean_up()
    os._exit(1)


def clean_up() -> None:
    """Removes what was being made."""
    for path in list(_unfinished):
        shutil.rmtree(path, ignore_errors=True)


def look(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """What this machine is, and what of the order is there already: digests of files, names of environments."""
    names: dict[str, Any] = {}
    exec(order["facts"], names)
    near = next(path for path in (folder, *folder.parents) if path.exists())
    held = [path.name for path in (folder / "files").glob("*") if len(path.name) == 64]
    held += installed(folder, order["bundle"])
    return {
        "folder": str(folder),
        "facts": names["facts"](place=str(near)),
        "held": held,
        "whole": [path.parent.name for name in MADE for path in (folder / name).glob(f"*/{COMPLETE}")],
    }


def installed(folder: Path, bundle: str) -> dict[str, Path]:
    """The files of an installed bundle, by their digests."""
    return {digest_of(path): path for path in (folder / "bundles" / bundle).rglob("*") if path.is_file()}


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            found.update(block)
    return found.hexdigest()


def receive(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Takes files from standard input, a tar whose names are `<sha256>/<name>`; each appears whole or not at all."""
    place = folder / "files"
    incoming = place / ".incoming"
    shutil.rmtree(incoming, ignore_errors=True)  # a broken connection has left it
    incoming.mkdir(parents=True)
    _unfinished.append(incoming)
    count = 0
    try:
        with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
            for member in archive:
                digest, _, name = member.name.partition("/")
                source = archive.extractfile(member)
                if source is None or len(digest) != 64 or not name or "/" in name or name.startswith("."):
                    raise Refused(f"was sent a file of an unexpected name, {member.name!r}")
                store(source, incoming / digest, name, digest)
                shutil.rmtree(place / digest, ignore_errors=True)
                (incoming / digest).rename(place / digest)
                count += 1
        if count != order["count"]:
            raise EOFError
    except (tarfile.TarError, EOFError):
        raise Refused("the connection broke while files were sent") from None
    shutil.rmtree(incoming)
    return {"received": count}


def store(source: Any, folder: Path, name: str, digest: str) -> None:
    """Writes one file into a new folder, through to the disk, and compares it with its digest."""
    folder.mkdir()
    with (folder / name).open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
    if digest_of(folder / name) != digest:
        raise Refused(f"{name} was damaged on its way")


def environment(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Makes an environment of engines, and over it one of the runtime; each counts only once it is whole.

    So a new runtime leaves the engines as they are. What is in use stays in use until `current` leads to the new one.
    """
    path = folder / "environments" / order["key"]
    for place, fill in ((folder / "engines" / order["engines"], fill_engines), (path, fill_runtime)):
        if (place / COMPLETE).exists():
            continue
        shutil.rmtree(place, ignore_errors=True)  # one that was broken off
        place.parent.mkdir(exist_ok=True)
        _unfinished.append(place)
        fill(folder, place, order)
        os.sync()
        (place / COMPLETE).touch()
        _unfinished.remove(place)
    link = folder / ".current"
    link.unlink(missing_ok=True)
    link.symlink_to(Path("environments") / order["key"])
    link.replace(folder / "current")
    return {"python": str(path / "bin" / "python")}


def fill_engines(folder: Path, place: Path, order: dict[str, Any]) -> None:
    """Installs numpy and the engines, from the package index or from wheels that were sent."""
    tell(doing="making a virtual environment")
    run("python3 -m venv", folder, sys.executable, "-m", "venv", *order["venv"], str(place))
    tell(doing=f"installing {', '.join(order['requirements'])}")
    sources = [f"--find-links={sent(folder, digest).parent}" for digest in order["wheels"]]
    pip = [str(place / "bin" / "python"), *PIP, "--only-binary=:all:", *order["pip"], *sources]
    run("pip install", folder, *pip, *order["requirements"])


def fill_runtime(folder: Path, place: Path, order: dict[str, Any]) -> None:
    """Installs the runtime, by the pip that is beside the engines: a .pth file leads there, by a link.

    A path in that file would be followed by its text, which is another where Python was started through `current`.
    """
    tell(doing="installing edgeproof_runtime")
    run("python3 -m venv", folder, sys.executable, "-m", "venv", "--without-pip", *order["venv"], str(place))
    (packages,) = place.glob("lib/python3*/site-packages")
    engines = Path("../../../../../engines") / order["engines"]
    (packages / ".engines").symlink_to(engines / packages.relative_to(place))
    (packages / "engines.pth").write_text(".engines\n")
    pip = [str(place / "bin" / "python"), *PIP, "--no-index", "--no-deps"]
    run("pip install edgeproof_runtime", folder, *pip, str(sent(folder, order["runtime"])))


def sent(folder: Path, digest: str) -> Path:
    """A file that was sent; Refused where it is gone."""
    for path in (folder / "files" / digest).glob("*"):
        return path
    raise Refused("a file that was sent is gone: another run was at work here; try again")


def bundle(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Puts a bundle in its place, whole or not at all, by the runtime's own command.

    Its files are those that were sent, and for the rest those of the bundle that is in place.
    """
    target = folder / "bundles" / order["bundle"]
    target.parent.mkdir(exist_ok=True)
    source = folder / "files" / ".bundle"
    shutil.rmtree(source, ignore_errors=True)
    _unfinished.append(source)
    before = installed(folder, order["bundle"])
    for name, digest in order["files"].items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        held = before.get(digest) or sent(folder, digest)
        try:
            os.link(held, source / name)
        except OSError:  # not every file system has links
            shutil.copyfile(held, source / name)
    said = run("install", folder, order["python"], "-m", "runtime", "install", str(source), str(target))
    shutil.rmtree(source)
    return {"bundle": str(target), "said": said.strip()}


def command(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Runs a command of the runtime; its output and exit code."""
    code, out, err = started(folder, order["python"], "-m", "runtime", *order["arguments"])
    if code < 0:
        raise Refused(order["arguments"][0], code, err)
    return {"code": code, "out": out, "err": err}


def tidy(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Removes what is no longer needed: environments but those of the keys, if any are given, and what was sent."""
    for path in (path for name in MADE for path in (folder / name).glob("*")):
        if order["keys"] and path.name not in order["keys"]:
            (path / COMPLETE).unlink(missing_ok=True)  # first: this may be broken off too
            shutil.rmtree(path, ignore_errors=True)
    for name in ("files", "temporary"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return {}


def remove(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Removes all that was put into the folder, and the folder, if nothing else is in it."""
    tidy(folder, {"keys": ["none"]})
    for name in PARTS:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()
    return {"removed": str(folder)}


ACTIONS = {action.__name__: action for action in (receive, environment, bundle, command, tidy, remove)}


def run(name: str, folder: Path, *arguments: str) -> str:
    """Runs a program to its end, and returns what it printed; Refused, with its last words, where it fails."""
    code, out, err = started(folder, *arguments)
    if code != 0:
        raise Refused(name, code, out + err)
    return out


def started(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Runs a program that ends too when the desk has gone; exit code, stdout, stderr."""
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
    program = str(Path(arguments[0]).expanduser())  # the user's --python may begin with ~
    with subprocess.Popen(
        [program, *arguments[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment, start_new_session=True,
    ) as child:  # fmt: skip
        _children.append(child)
        out, err = child.communicate()
        _children.remove(child)
    return child.returncode, out, err


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
