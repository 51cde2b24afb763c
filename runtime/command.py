"""What every command line of the project does at its edge: errors become one line and an exit code."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from runtime.errors import EdgeProofError, UsageError
from runtime.namedtuples import FastNamedTuple

_TYPED = (
    ("python -m runtime ", "edgeproof "),
    *((f"python -m export {name}", f"edgeproof {name}") for name in ("diagnose", "report", "remote")),
    ("python -m export", "edgeproof export"),
    ("python -m train", "edgeproof train"),
)


class Command(FastNamedTuple):
    """A row in a table of commands: its module, which is imported only when the command runs, and a text for --help."""

    module: str
    text: str


def run_command(main: Callable[[Sequence[str] | None], int | None], argv: Sequence[str] | None = None) -> int:
    """Runs `main(argv)` and gives the exit code; use it as `sys.exit(run_command(main))`.

    The code is main's own (None is 0), 2 for UsageError, 1 for other errors a user causes, 130 after Ctrl-C.
    """
    try:
        code = main(argv)
        sys.stdout.flush()
    except EdgeProofError as error:
        _say(f"error: {error}")
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:
        # The reader (`| head`) has left. Python would complain once more at exit, when it flushes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f": {error.filename}" if error.filename else ""
        _say(f"error: {error.strerror or error}{where}")
        return 1
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    return code or 0


def as_called(text: str) -> str:
    """The text with its commands as the user types them here: `edgeproof verify` for `python -m runtime verify`.

    Texts are written with `python -m`; only where `edgeproof` was called, they change.
    """
    if Path(sys.argv[0]).stem != "edgeproof":
        return text
    for written, typed in _TYPED:
        text = text.replace(written, typed)
    return text


def columns(heading: str, rows: Mapping[str, str]) -> str:
    """Returns a part of a help text: a heading, and under it each name with what it is."""
    width = max(map(len, rows))
    return "\n".join([heading, *(f"  {name.ljust(width)}  {text}" for name, text in rows.items())])


def _say(line: str) -> None:
    print(" ".join(as_called(line).split()), file=sys.stderr)
