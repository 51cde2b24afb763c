"""The user's own ssh: one program, one order, one answer; everything that could hang is bounded."""

from __future__ import annotations

import base64
import json
import shlex
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from export.remote.words import of_program, of_ssh
from runtime.errors import EdgeProofError, UsageError

# ssh asks nothing that nobody would answer, and gives up on a host that is not there or has gone. Host keys stay the
# user's own business: BatchMode cannot ask about an unknown one, so it is refused.
OPTIONS = (
    "-o", "BatchMode=yes",
    "-o", "ConnectTimeout=15",
    "-o", "ServerAliveInterval=10",
    "-o", "ServerAliveCountMax=3",
    "-T",
)  # fmt: skip
_PROGRAM = Path(__file__).with_name("on_device.py")
# What reaches the user's shell on the device, whichever that is: between the double quotes nothing that a shell would
# change, then two words of letters, digits, +, / and =. Any Python can read it, and says if it is too old for the rest.
_START = (
    'python3 -c "import sys,base64,json;'
    "v=sys.version_info;"
    "t=v<(3,10) and print(json.dumps(dict(failed='its Python is %d.%d; the runtime needs 3.10 or newer' % v[:2])));"
    "a=[base64.b64decode(x).decode() for x in sys.argv[1:3]];"
    "sys.argv[1:]=a[1:];"
    'v<(3,10) or exec(a[0])"'
)


class RemoteError(EdgeProofError):
    """A device cannot be reached, or what was asked for failed there."""


Tell = Callable[[str], None]
Send = Callable[[IO[bytes]], None]


class Host:
    """A device that ssh reaches by a name."""

    def __init__(self, name: str, ssh: str = "ssh") -> None:
        """Remembers the name and the command.

        Args:
            name: what ssh knows it by: HOST, USER@HOST, or a name of the user's ssh config.
            ssh: the command and its own options, such as "ssh -p 2222".

        Raises:
            UsageError: the name is none, or ssh is not installed.
        """
        words = shlex.split(ssh)
        if not name or name.startswith("-") or any(letter.isspace() for letter in name):
            raise UsageError(f"{name!r} is no name of a host; give HOST or USER@HOST")
        if not words or shutil.which(words[0]) is None:
            raise UsageError(f"{ssh!r} cannot be run here; install the package openssh-client")
        self.name = name
        self._command = [*words, *OPTIONS, "--", name]

    def ask(
        self, order: Mapping[str, Any], tell: Tell, timeout_s: float, send: Send | None = None
    ) -> dict[str, Any]:
        """Has an order done on the device, and returns what came of it.

        Args:
            order: for `on_device.py`.
            tell: takes what the device says while it works.
            timeout_s: after so many seconds it is given up.
            send: writes what the order receives. Without it, standard input stays open until the end.

        Raises:
            RemoteError: one line on what is wrong.
        """
        texts = _PROGRAM.read_text(), json.dumps(order)
        words = [base64.b64encode(text.encode()).decode() for text in texts]
        with subprocess.Popen(
            [*self._command, f"{_START} {' '.join(words)}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as ssh:
            assert ssh.stdin and ssh.stdout and ssh.stderr
            gave_up = threading.Event()

            def give_up() -> None:
                gave_up.set()  # before ssh ends: whoever reads its end must know why
                ssh.kill()

            timer = threading.Timer(timeout_s, give_up)
            timer.start()
            errors: list[bytes] = []
            threads = [threading.Thread(target=_read, args=(ssh.stderr, errors))]
            if send is not None:
                threads.append(threading.Thread(target=_write, args=(send, ssh.stdin)))
            for thread in threads:
                thread.start()
            try:
                answer = _answer(ssh.stdout, tell)
            except BaseException:
                ssh.kill()
                raise
            finally:
                timer.cancel()
                if send is None:
                    ssh.stdin.close()
                for thread in threads:
                    thread.join()
                code = ssh.wait()
        if "done" in answer:
            found: dict[str, Any] = answer["done"]
            return found
        if "failed" in answer:
            program = answer.get("program")
            why = f" failed: {of_program(*program)}" if program else ""
            raise RemoteError(f"{self.name}: {answer['failed']}{why}")
        if gave_up.is_set():
            raise RemoteError(
                f"{self.name}: {order['action']} took more than {timeout_s:.0f} s and was given up"
            )
        raise RemoteError(f"{self.name}: {of_ssh(b''.join(errors).decode(errors='replace'), code)}")


def _read(pipe: IO[bytes], into: list[bytes]) -> None:
    into.append(pipe.read())


def _write(send: Send, pipe: IO[bytes]) -> None:
    try:
        send(pipe)
        pipe.close()
    except OSError:
        pass  # the other end has gone, and has said why


def _answer(pipe: IO[bytes], tell: Tell) -> dict[str, Any]:
    """The object with which the device ends, empty where it says none; what it is doing is told on the way."""
    for line in pipe:
        try:
            said = json.loads(line)
        except ValueError:
            continue  # a greeting of the user's shell
        if isinstance(said, dict) and "doing" in said:
            tell(str(said["doing"]))
        elif isinstance(said, dict) and ("done" in said or "failed" in said):
            return said
    return {}


def tar_of(files: Iterable[tuple[str, Path]]) -> Send:
    """What writes files as one tar, each under its name; nothing in it tells of the user here."""

    def nameless(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mode = 0o644
        return member

    def send(pipe: IO[bytes]) -> None:
        with tarfile.open(fileobj=pipe, mode="w|") as archive:
            for name, path in files:
                archive.add(path, name, filter=nameless)

    return send
