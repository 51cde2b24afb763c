"""`python -m arm BOARD ARGUMENTS…`: runs Python with these arguments on an emulated board."""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from arm.boards import BOARDS
from arm.device import make_device
from arm.setup import cache_folder
from arm.wheels import ENGINES
from runtime.command import run_command

_EXAMPLE = "example:\n  python -m arm pi4 -m runtime verify artifacts/mnist-cnn/bundle"


def main(argv: Sequence[str] | None = None) -> int:
    """Sets up what is missing, runs Python on the board in the current folder, gives its exit code."""
    made = argparse.ArgumentParser(
        prog="python -m arm",
        description="Run Python on an emulated Raspberry Pi. The first run sets it up in a cache; needs a Debian host.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("board", choices=BOARDS, help="the board")
    made.add_argument(
        "arguments", nargs=argparse.REMAINDER, help="what follows `python` there; none: only set up"
    )
    made.add_argument("--engines", choices=ENGINES, help="default: those of the board's row")
    args = made.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        device = make_device(
            Path(folder) / args.board, args.board, args.engines or BOARDS[args.board].engines
        )
        if not args.arguments:
            print(f"{args.board} is set up in {cache_folder()}")
            return 0
        # The folder with this project first, as with `python -m` on a real one.
        done = subprocess.run([str(device.python), *args.arguments], check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(run_command(main))
