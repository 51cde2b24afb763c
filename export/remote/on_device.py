"""The program that `python -m export remote` runs on the device by its own python3; nothing of it stays there.

It needs the standard library alone. It comes as `python3 -c`, takes one JSON text as its argument, and prints a JSON
object a line: what it is doing, and in the last line what came of it. Where the connection breaks, its standard input
ends: it then stops what it has started, and removes what is not whole.

    edgeproof/
      .edgeproof                says that the folder is ours
      current                   a link to the environment in use
      environments/<key>/       virtual environments; `complete` is written last
      bundles/<model>/          installed bundles
      files/<sha256>/<name>     what was sent and is not in its place yet
      temporary/                of pip, whose own place may be small and in memory
      lock                      one run at a time
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
from pathlib import Path
from typing import Any

COMPLETE = "complete"
MARK = ".edgeproof"
PARTS = ("current", "environments", "bundles", "files", "temporary", "lock", MARK)
_KILLED = (-9, 137)
_children: list[subprocess.Popen[str]] = []  # what is at work
_unfinished: list[Path] = []  # folders that are being made


class Refused(Exception):
    """What is wrong, in one line."""


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
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Refused(f"another run is at work in {folder}; try again when it is done") from None
            if order["action"] != "receive":  # its standard input is what it receives
                threading.Thread(target=stop_when_left, daemon=True).start()
            tell(done=ACTIONS[order["action"]](folder, order))
    except Refused as error:
        clean_up()
        tell(failed=str(error))
    except OSError as error:
        clean_up()
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        tell(failed="its disk is full" if full else f"{error.filename or folder}: {error.strerror or error}")


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
    held += [digest_of(path) for path in installed(folder, order["bundle"])]
    return {
        "folder": str(folder),
        "facts": names["facts"](place=str(near)),
        "held": held,
        "environments": [path.parent.name for path in (folder / "environments").glob(f"*/{COMPLETE}")],
    }


def installed(folder: Path, bundle: str) -> list[Path]:
    """The files of an installed bundle."""
    return [path for path in sorted((folder / "bundles" / bundle).rglob("*")) if path.is_file()]


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
    except (tarfile.TarError, EOFError):
        raise Refused("the connection broke while files were sent") from None
    shutil.rmtree(incoming)
    if count != order["count"]:
        raise Refused("the connection broke while files were sent")
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
    """Makes a virtual environment with the packages of an order; it counts only once it is whole."""
    path = folder / "environments" / order["key"]
    python = path / "bin" / "python"
    if not (path / COMPLETE).exists():
        shutil.rmtree(path, ignore_errors=True)  # one that was broken off
        path.parent.mkdir(exist_ok=True)
        _unfinished.append(path)
        tell(doing="making a virtual environment")
        options = ["--system-site-packages"] if order["system_packages"] else []
        run("python3 -m venv", folder, sys.executable, "-m", "venv", *options, str(path))
        pip = (
            str(python),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--no-input",
            "--no-cache-dir",
            "install",
        )
        tell(doing=f"installing {', '.join(order['requirements'])}")
        wheels = [sent(folder, digest) for digest in order["wheels"]]
        sources = [f"--find-links={wheel.parent}" for wheel in wheels]
        sources += ["--no-index"] if order["offline"] else ["--timeout=15", "--retries=2"]
        run("pip install", folder, *pip, "--only-binary=:all:", *sources, *order["requirements"])
        tell(doing="installing edgeproof_runtime")
        own = str(sent(folder, order["runtime"]))
        run("pip install edgeproof_runtime", folder, *pip, "--no-index", "--no-deps", own)
        os.sync()
        (path / COMPLETE).touch()
        _unfinished.remove(path)
    link = folder / ".current"
    link.unlink(missing_ok=True)
    link.symlink_to(Path("environments") / order["key"])
    link.replace(folder / "current")
    return {"python": str(python)}


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
    before = {digest_of(path): path for path in installed(folder, order["bundle"])}
    for name, digest in order["files"].items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        held = before.get(digest) or sent(folder, digest)
        try:
            os.link(held, source / name)
        except OSError:  # not every file system has links
            shutil.copyfile(held, source / name)
    said = run("install", folder, python_of(order), "-m", "runtime", "install", str(source), str(target))
    shutil.rmtree(source)
    return {"bundle": str(target), "said": said.strip()}


def python_of(order: dict[str, Any]) -> str:
    """The Python of an order, which may begin with ~."""
    return str(Path(order["python"]).expanduser())


def command(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Runs a command of the runtime; its output and exit code."""
    code, out, err = started(folder, python_of(order), "-m", "runtime", *order["arguments"])
    if code < 0:
        raise Refused(f"{order['arguments'][0]} failed: {last_words(err, code)}")
    return {"code": code, "out": out, "err": err}


def tidy(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Removes what is no longer needed: environments but that of the key, if one is given, and what was sent."""
    for path in (folder / "environments").glob("*"):
        if order["key"] not in ("", path.name):
            shutil.rmtree(path, ignore_errors=True)
    for name in ("files", "temporary"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return {}


def remove(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    """Removes all that was put into the folder, and the folder, if nothing else is in it."""
    for name in PARTS:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()
    return {"removed": str(folder)}


ACTIONS = {
    "receive": receive,
    "environment": environment,
    "bundle": bundle,
    "command": command,
    "tidy": tidy,
    "remove": remove,
}


def run(name: str, folder: Path, *arguments: str) -> str:
    """Runs a program to its end, and returns what it printed; Refused, with its last words, where it fails."""
    code, out, err = started(folder, *arguments)
    if code != 0:
        raise Refused(f"{name} failed: {last_words(out + err, code)}")
    return out


def started(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Runs a program that ends too when the desk has gone; exit code, stdout, stderr."""
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment, start_new_session=True,
    ) as child:  # fmt: skip
        _children.append(child)
        out, err = child.communicate()
        _children.remove(child)
    return child.returncode, out, err


def last_words(text: str, code: int) -> str:
    """What was wrong, in one line, from what a program printed before it failed."""
    if code in _KILLED or "MemoryError" in text:
        return "it was killed; the device may have too little memory"
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return "its disk is full"
    if "NewConnectionError" in text or "NameResolutionError" in text or "ConnectTimeoutError" in text:
        return "its package index does not answer; bring wheels along with --offline WHEELS"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines or [f"exit code {code}"])[-1][:500]


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
