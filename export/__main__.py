"""python -m export."""

import sys
from collections.abc import Sequence

from runtime.command import run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Imports the command line only here, where Ctrl-C is already handled: it takes a second."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    from export import commands

    if arguments and arguments[0] in commands.COMMANDS:
        return commands.run(arguments)
    from export.command import main as export

    return export(arguments)


if __name__ == "__main__":
    sys.exit(run_command(main))
