"""`python -m bench visit`: how long `python -m export remote` takes for an emulated board with nothing on it."""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from arm.boards import BOARDS, board
from arm.device import make_bare_board
from arm.server import Account, make_account, serving, serving_wheels
from arm.setup import wheel_files
from export.remote.plan import Wish
from export.remote.ssh import Host
from export.remote.visit import Stay, parcel, visit
from runtime.backends import ENGINES
from runtime.bundle.reader import Bundle, open_bundle
from runtime.commands.table import aligned

_LEAST_S = 0.05  # lines that begin nothing are followed by the next at once
LOOK = "looking at the device"


class Step(NamedTuple):
    """What a visit says it is doing, and the seconds until it said something else."""

    what: str
    seconds: float


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(
        prog="python -m bench visit",
        description="Visit an emulated Raspberry Pi with nothing on it, behind a real OpenSSH server on this machine, "
        "then once more; print the seconds of each step (docs/arm.md). Needs a Debian host and sshd.",
    )
    made.add_argument(
        "bundle", metavar="BUNDLE", type=Path, nargs="?", default=Path("artifacts/mnist-cnn/bundle"),
        help="the bundle; default: artifacts/mnist-cnn/bundle",
    )  # fmt: skip
    wide = [name for name, row in BOARDS.items() if row.architecture == "arm64"]
    made.add_argument("--board", choices=wide, default="pi4", help="the board; default: pi4")
    made.add_argument("--engine", choices=ENGINES, action="append", help="only this engine")
    made.add_argument("--calls", metavar="N", default="10", help="single calls of each; default: 10")
    return made


def run(args: argparse.Namespace) -> int:
    """Prints a table for each of two visits."""
    bundle = open_bundle(args.bundle)
    row = board(args.board)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("server", "index"):
            (work / name).mkdir()
        server = stack.enter_context(serving(work / "server"))
        python = make_bare_board(work / "board", args.board).python
        account = make_account(server, work / "account", python)
        port, _ = stack.enter_context(serving_wheels(wheel_files(row.engines), work / "index"))
        account.take_python(python, port)
        wish = Wish(tuple(args.engine or ()))
        for title in ("from nothing", "again"):
            print(f"{title}\n\n{table(visited(account, bundle, wish, Stay(), args.calls))}\n", flush=True)
    print(
        f"Seconds on an emulated {row.title}, one thread of this machine; a board is faster. Wheels from a package "
        f"index on this machine, {args.calls} calls of each variant."
    )
    return 0


def visited(account: Account, bundle: Bundle, wish: Wish, stay: Stay, calls: str) -> list[Step]:
    """Visits an account; what was done, and how long each step took."""
    said = [(LOOK, time.monotonic())]

    def say(line: str) -> None:
        said.append((line, time.monotonic()))

    with parcel(bundle) as brought:
        visit(Host("pi", account.ssh), bundle, brought, wish, stay, ["--calls", calls], say)
    return steps([*said, ("", time.monotonic())])


def steps(said: list[tuple[str, float]]) -> list[Step]:
    """The lines that were said, each with the seconds until the next; without those that the next followed at once."""
    ends = [at for _, at in said[1:]]
    found = [Step(what, end - at) for (what, at), end in zip(said[:-1], ends, strict=True)]
    return [step for step in found if step.seconds >= _LEAST_S]


def table(rows: list[Step]) -> str:
    """A line for each step, and one for all."""
    every = [*rows, Step("together", sum(row.seconds for row in rows))]
    return aligned(["step", "s"], [[row.what, f"{row.seconds:.1f}"] for row in every], right=[1])
