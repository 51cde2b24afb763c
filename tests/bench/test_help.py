"""`python -m bench --help` lists every command with what it is."""

from bench.__main__ import COMMANDS, main


def test_each_command_stands_apart_from_what_it_is(capsys):
    assert main(["--help"]) == 0
    listed = [
        line.split("  ", 2)[1:] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")
    ]
    assert [(name, text.strip()) for name, text in listed] == [
        (name, row.text) for name, row in COMMANDS.items()
    ]
