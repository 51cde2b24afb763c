"""The commands of `python -m export` beside the export itself: what each does, and the module that has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module

from runtime.command import Command

# The `main` of each module takes the name of the command and all that follows it.
COMMANDS: Mapping[str, Command] = {
    "diagnose": Command("export.diagnosis.command", "say which layers a quantized file loses accuracy in"),
    "report": Command(
        "export.page.command",
        "put what one or several devices measured on one page, and say which file to ship",
    ),
    "remote": Command(
        "export.remote.command",
        "install a bundle on devices over ssh, measure it there, bring the figures home",
    ),
    "keygen": Command("export.sign", "make a pair of keys: one to sign bundles with, one for the devices"),
    "sign": Command("export.sign", "sign a bundle, so that devices can check who made it"),
}

# What `python -m export NAME` takes for itself; no model of the user's own is called so.
WORDS = frozenset({"all", "list", *COMMANDS})


def run(arguments: Sequence[str]) -> int:
    """Runs the command that is named first; what belongs to it is imported only now.

    Raises:
        EdgeProofError: as the command says.
    """
    code: int = import_module(COMMANDS[arguments[0]].module).main(arguments)
    return code
