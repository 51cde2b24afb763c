"""python -m export."""

import sys
from collections.abc import Sequence

from runtime.command import run_command


def main(argv: Sequence[str] | None = None) -> int:
    """Import the command line only here, where Ctrl-C is already handled: it takes a second."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] == "remote":
        from export.remote.command import main as remote

        return remote(arguments[1:])
    from export import sign
    from export.page import command as page

    if arguments and arguments[0] in sign.COMMANDS:
        return sign.main(arguments)
    if arguments and arguments[0] in page.COMMANDS:
        return page.main(arguments)
    from export.command import main as export

    return export(arguments)


if __name__ == "__main__":
    sys.exit(run_command(main))
