"""Arguments and output that several commands share."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import Any

from runtime.backends import ENGINES
from runtime.command import as_called

_STDERR = 2  # where engines write, wherever sys.stderr leads


def new_parser(command: str, description: str, example: str) -> argparse.ArgumentParser:
    """A parser with the bundle as first argument, and the example at the end of --help."""
    parser = argparse.ArgumentParser(
        prog=as_called(f"python -m runtime {command}"),
        description=fill(description, 80),
        epilog=f"example:\n  {as_called(example)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("bundle", metavar="BUNDLE", type=Path, help="the bundle: a folder or one .zip")
    return parser


def add_engine(parser: argparse.ArgumentParser, default: str, *, sweep: bool = False) -> None:
    """--engine and --threads: one number, or with `sweep` several, of which the arguments hold a tuple."""
    names = ", ".join(ENGINES)
    parser.add_argument("--engine", metavar="NAME", help=f"{names}; default: {default}")
    several = "; several numbers, such as 1,2,4, are measured side by side" if sweep else ""
    parser.add_argument(
        "--threads",
        metavar="N[,N]" if sweep else "N",
        type=_numbers if sweep else int,
        default=(1,) if sweep else 1,
        help=f"threads the engine may use for one call; default: 1{several}",
    )


def _numbers(text: str) -> tuple[int, ...]:
    """Whole numbers between commas, each once; ValueError for anything else, which argparse reports."""
    return tuple(dict.fromkeys(int(word) for word in text.split(",")))


def add_memory(parser: argparse.ArgumentParser) -> None:
    """--no-memory."""
    parser.add_argument(
        "--no-memory",
        dest="memory",
        action="store_false",
        help="do not measure peak memory, for which a process is started for each variant and engine",
    )


def add_variants(parser: argparse.ArgumentParser) -> None:
    """--variant, several times."""
    parser.add_argument(
        "--variant", metavar="NAME", action="append", help="only this variant; may be given several times"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="print JSON for a program to read")


def print_json(value: Any) -> None:
    """Prints a value for --json; a number that is not finite becomes null."""
    print(json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value


def progress(line: str) -> None:
    """Shows what is being done on a terminal's stderr, in one line that the next replaces; "" clears it."""
    if sys.stderr.isatty():
        print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)


@contextmanager
def quiet_engines() -> Iterator[None]:
    """Keeps what engines print to stderr, past Python, off the terminal: their errors arrive as exceptions too."""
    try:
        kept = os.dup(_STDERR)
    except OSError:  # it is closed
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, _STDERR)
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(kept)
        os.close(null)
