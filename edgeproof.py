"""`edgeproof COMMAND …`: every command of the project under one name, in any folder."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import argparse


class Stage(NamedTuple):
    """A command beyond the runtime's.

    Attributes:
        main: the module whose `main` runs it.
        parser: the module whose `parser()` has its options; None for those that `export.sign` adds together.
        needs: the packages that it needs first, in order: its own, and one that may be missing beside it.
        extra: the extra of the wheel that has them.
        text: what it does, for --help.
    """

    main: str
    parser: str | None
    needs: tuple[str, str]
    extra: str
    text: str


STAGES = {
    "train": Stage("train.__main__", "train.flags", ("train", "keras"), "train", "train models of the zoo"),
    "export": Stage(
        "export.__main__",
        "export.options",
        ("export", "tensorflow"),
        "export",
        "export Keras models, prove every file, write bundles",
    ),
    "remote": Stage(
        "export.__main__",
        "export.remote.command",
        ("export", "numpy"),
        "export",
        "install a bundle on devices over ssh, measure it, bring figures home",
    ),
    "report": Stage(
        "export.__main__",
        "export.page.command",
        ("export", "matplotlib"),
        "export",
        "put measured rows of devices on one page",
    ),
    "diagnose": Stage(
        "export.__main__",
        "export.diagnosis.command",
        ("export", "tensorflow"),
        "export",
        "say which layers a quantized file loses accuracy in",
    ),
    "keygen": Stage(
        "export.__main__",
        None,
        ("export", "cryptography"),
        "sign",
        "make a pair of keys to sign bundles with",
    ),
    "sign": Stage("export.__main__", None, ("export", "cryptography"), "sign", "sign a bundle"),
}
SHELLS = ("bash", "zsh")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; what belongs to it is imported only then."""
    from runtime import __main__ as runtime
    from runtime.errors import UsageError

    arguments = list(sys.argv[1:] if argv is None else argv)
    first = arguments[0] if arguments else None
    if first in STAGES:
        return _stage(first, arguments[1:])
    if first in runtime.COMMANDS or first in ("-V", "--version"):
        return runtime.main(arguments)
    if first in ("-h", "--help"):
        print(_help())
        return 0
    if first == "--print-completion":
        print(_completion(arguments[1:]))
        return 0
    given = f"unknown command {first!r}" if first else "no command"
    raise UsageError(f"{given}; known: {', '.join((*STAGES, *runtime.COMMANDS))}; see edgeproof --help")


def _stage(name: str, arguments: list[str]) -> int:
    """Runs `train`, `export` or a command of export; PackageError where it is not installed, as on a device."""
    from runtime.errors import PackageError

    stage = STAGES[name]
    missing = _missing(name)
    if missing:
        raise PackageError(
            f"`edgeproof {name}` needs the package {missing}, which is not installed here; "
            f"install it with: pip install 'edgeproof[{stage.extra}]'"
        )
    # The commands beside the export itself are named in the arguments of `python -m export` too.
    command = import_module(stage.main).main
    code: int | None = command(arguments if name in ("train", "export") else [name, *arguments])
    return code or 0


def _missing(name: str) -> str | None:
    """The first package that is not installed of those a command needs first; None where all are."""
    return next((package for package in STAGES[name].needs if find_spec(package) is None), None)


def _help() -> str:
    from runtime.__main__ import COMMANDS
    from runtime.command import columns

    texts = {name: row.text for name, row in (STAGES | COMMANDS).items()}
    options = {
        "--version": "print the version",
        f"--print-completion {'|'.join(SHELLS)}": "print a script that completes commands and options in a shell",
    }
    return "\n".join(
        [
            "usage: edgeproof COMMAND …",
            "",
            "Exports Keras models to files that are proved against the original, and runs them on a device.",
            "",
            columns("commands (each has --help):", texts),
            "",
            columns("options:", options),
            "",
            "examples:",
            "  edgeproof export my_model.keras --pixels 0-1",
            "  edgeproof compare artifacts/my_model/bundle",
        ]
    )


def _completion(shells: list[str]) -> str:
    """The script for a shell; it knows the commands that are installed here."""
    from runtime.errors import PackageError, UsageError

    if len(shells) != 1 or shells[0] not in SHELLS:
        raise UsageError(f"--print-completion {' '.join(shells)}: give one shell, {' or '.join(SHELLS)}")
    try:
        import shtab
    except ImportError:
        raise PackageError(
            "--print-completion needs the package shtab; install it with: pip install shtab"
        ) from None
    script: str = shtab.complete(_parser(), shell=shells[0])
    return script


def _parser() -> "argparse.ArgumentParser":
    """All commands that are installed here as one parser, for completion alone: it imports every one of them."""
    import argparse

    import shtab

    from runtime.__main__ import COMMANDS
    from runtime.bundle.manifest import TASKS

    root = argparse.ArgumentParser("edgeproof", add_help=False)
    commands = root.add_subparsers()
    parsers = {name: import_module(row.module).parser() for name, row in COMMANDS.items()}
    for name, stage in STAGES.items():
        if stage.parser is not None and not _missing(name):
            parsers[name] = import_module(stage.parser).parser()
    words: dict[str, tuple[str, ...]] = {}
    if not _missing("export"):
        import_module("export.sign").add_commands(commands)
        user_model = import_module("export.trained.user_model")
        words = {"task": TASKS, "pixels": (user_model.RAW_PIXELS, *user_model.PIXELS)}
    for name, parser in parsers.items():
        commands.add_parser(name, parents=[parser], add_help=False, help=parser.description)
    # shtab leaves out what has no help; and it cannot know that an argument is a file, or one of some words.
    for action in [action for parser in commands.choices.values() for action in parser._actions]:
        if action.dest == "models":
            action.help = "MODEL"
        if action.dest == "models" or action.type is Path or "FILE" in str(action.metavar):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        action.choices = action.choices or words.get(action.dest)
    return root


def run() -> int:
    """The console command: one line for an error, and the exit code."""
    from runtime.command import run_command

    return run_command(main)


if __name__ == "__main__":
    # `python -m` puts the working folder first, where a user may have a runtime.py or a data/ of their own.
    if Path(sys.path[0]) == Path.cwd() != Path(__file__).resolve().parent:
        del sys.path[0]
    sys.exit(run())
