"""`python -m runtime COMMAND BUNDLE …`: the command line of the device."""

import sys
from collections.abc import Sequence
from importlib import import_module

from runtime.command import Command, columns, run_command
from runtime.errors import UsageError
from runtime.version import __version__

COMMANDS = {
    "info": Command("runtime.commands.info", "what a bundle holds, and which engines are installed here"),
    "verify": Command(
        "runtime.commands.verify", "run the golden samples here, and say which variants may be used"
    ),
    "predict": Command(
        "runtime.commands.predict",
        "answer for files (images, tables, arrays, texts), lines of numbers and texts",
    ),
    "bench": Command("runtime.commands.bench", "latency and throughput of the variants on this device"),
    "compare": Command(
        "runtime.commands.compare",
        "size, accuracy, parity and latency of all variants side by side, and which to ship",
    ),
    "select": Command(
        "runtime.commands.select",
        "measure what may run here, choose, and remember it for load(…, variant='auto')",
    ),
    "pack": Command("runtime.commands.pack", "write a bundle as one .zip"),
    "install": Command(
        "runtime.commands.install", "put a bundle into its place on a device, whole or not at all"
    ),
    "doctor": Command(
        "runtime.commands.doctor",
        "what is installed on this device, what would run, and what to type to get the rest",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; its module is imported only then."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in COMMANDS:
        command = import_module(COMMANDS[arguments[0]].module)
        code: int = command.run(command.parser().parse_args(arguments[1:]))
        return code
    if arguments and arguments[0] in ("-V", "--version"):
        print(f"edgeproof {__version__}")
        return 0
    if arguments and arguments[0] in ("-h", "--help"):
        print(_help())
        return 0
    given = f"unknown command {arguments[0]!r}" if arguments else "no command"
    raise UsageError(f"{given}; known: {', '.join(COMMANDS)}; see python -m runtime --help")


def _help() -> str:
    return "\n".join(
        [
            "usage: python -m runtime COMMAND BUNDLE …",
            "",
            "Runs the verified variants of a bundle on this device.",
            "",
            columns("commands (each has --help):", {name: row.text for name, row in COMMANDS.items()}),
            "",
            "example:",
            "  python -m runtime compare artifacts/mnist-cnn/bundle",
        ]
    )


if __name__ == "__main__":
    sys.exit(run_command(main))
