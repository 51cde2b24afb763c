"""The command `edgeproof`: what it lists, what it runs, what it says where something is not installed."""

import re
import subprocess
import sys

import pytest

import edgeproof
from runtime.__main__ import COMMANDS
from runtime.command import run_command
from runtime.errors import PackageError
from tests.conftest import ROOT

HELP = """\
usage: edgeproof COMMAND …

Exports Keras models to files that are proved against the original, and runs them on a device.

commands (each has --help):
  train     train models of the zoo
  export    export Keras models, prove every file, write bundles
  remote    install a bundle on devices over ssh, measure it, bring figures home
  report    put measured rows of devices on one page
  diagnose  say which layers a quantized file loses accuracy in
  keygen    make a pair of keys to sign bundles with
  sign      sign a bundle
  info      what a bundle holds, and which engines are installed here
  verify    run the golden samples here, and say which variants may be used
  predict   answer for files (images, tables, arrays, texts), lines of numbers and texts
  bench     latency and throughput of the variants on this device
  compare   size, accuracy, parity and latency of all variants side by side, and which to ship
  select    measure what may run here, choose, and remember it for load(…, variant='auto')
  pack      write a bundle as one .zip
  install   put a bundle into its place on a device, whole or not at all
  doctor    what is installed on this device, what would run, and what to type to get the rest

options:
  --version                    print the version
  --print-completion bash|zsh  print a script that completes commands and options in a shell

examples:
  edgeproof export my_model.keras --pixels 0-1
  edgeproof compare artifacts/my_model/bundle
"""

KNOWN = ", ".join((*edgeproof.STAGES, *COMMANDS))


@pytest.fixture
def cli(capsys, monkeypatch):
    """Runs a command line as the installed command would; gives its exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["/usr/bin/edgeproof"])

    def run(*arguments):
        try:
            code = run_command(edgeproof.main, list(arguments))
        except SystemExit as exit_:  # argparse
            code = exit_.code
        return code, *capsys.readouterr()

    return run


def test_help_lists_everything(cli):
    assert cli("--help") == cli("-h") == (0, HELP, "")


def test_version(cli):
    code, out, _ = cli("--version")
    assert code == 0 and re.fullmatch(r"edgeproof \d+\.\d+\.\d+\n", out)


@pytest.mark.parametrize("name", [*edgeproof.STAGES, *COMMANDS])
def test_every_command_has_help_in_the_words_it_was_called_with(cli, name):
    code, out, err = cli(name, "--help")
    usage = f"usage: edgeproof {'export ' if name in ('keygen', 'sign') else ''}{name} "
    assert (code, err) == (0, "") and out.startswith(usage)
    assert "python -m" not in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], f"no command; known: {KNOWN}; see edgeproof --help"),
        (["exprot"], f"unknown command 'exprot'; known: {KNOWN}; see edgeproof --help"),
        (["--print-completion"], "--print-completion : give one shell, bash or zsh"),
        (["--print-completion", "fish"], "--print-completion fish: give one shell, bash or zsh"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line(cli, arguments, line):
    assert cli(*arguments) == (2, "", f"error: {line}\n")


def test_errors_name_the_command_that_was_called(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = cli("export", "no-such-model", "--out", str(tmp_path))
    assert code == 2 and "edgeproof train no-such-model" in err and "python -m" not in err


@pytest.mark.parametrize(
    ("name", "missing", "extra"),
    [
        ("export", "export", "export"),
        ("train", "train", "train"),
        ("sign", "export", "sign"),
        ("export", "tensorflow", "export"),
        ("train", "keras", "train"),
        ("keygen", "cryptography", "sign"),
    ],
)
def test_what_is_not_installed_is_one_line(cli, monkeypatch, name, missing, extra):
    find_spec = edgeproof.find_spec
    monkeypatch.setattr(
        edgeproof, "find_spec", lambda module: (module != missing and find_spec(module)) or None
    )
    assert cli(name, "list") == (
        1,
        "",
        f"error: `edgeproof {name}` needs the package {missing}, which is not installed here; "
        f"install it with: pip install 'edgeproof[{extra}]'\n",
    )
    with pytest.raises(PackageError):
        edgeproof.main([name, "list"])


def test_it_starts_without_what_it_does_not_need():
    program = (
        "import sys, edgeproof; edgeproof.main(['--help']);"
        "print(sorted({'argparse', 'numpy', 'tensorflow', 'keras', 'export', 'train', 'shtab'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{HELP}[]\n"


@pytest.fixture(scope="module")
def bash_script():
    command = [sys.executable, "-m", "edgeproof", "--print-completion", "bash"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("edgeproof ve", ["verify"]),
        ("edgeproof ex", ["export"]),
        ("edgeproof key", ["keygen"]),
        ("edgeproof verify --th", ["--threads"]),
        ("edgeproof sign --k", ["--key"]),
        ("edgeproof export --pix", ["--pixels"]),
        ("edgeproof export m.keras --pixels ", ["0-255", "0-1", "-1-1", "imagenet"]),
        ("edgeproof export m.keras --task re", ["regression", "reconstruction"]),
        ("edgeproof predict bundle mo", ["models", "more.zip"]),
        ("edgeproof compare bundle --inputs mo", ["models", "more.zip"]),
        ("edgeproof train --sched", ["--schedule"]),
        ("edgeproof verify mo", ["models", "more.zip"]),
        ("edgeproof export my", ["my.keras"]),
    ],
)
def test_bash_completes(bash_script, tmp_path, line, expected):
    (tmp_path / "models").mkdir()
    for name in ("more.zip", "my.keras"):
        (tmp_path / name).touch()
    (tmp_path / "script").write_text(bash_script)
    *words, last = line.split(" ")
    program = (
        "source ./script; complete -p edgeproof >/dev/null || exit 1; "
        f"COMP_WORDS=({' '.join(words)} '{last}'); COMP_CWORD={len(words)}; "
        "_shtab_edgeproof; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == sorted(expected), done.stderr


def test_zsh_has_a_script_too(cli):
    code, out, _ = cli("--print-completion", "zsh")
    assert code == 0 and out.startswith("#compdef edgeproof\n") and "--pixels" in out


def test_completion_on_a_device_knows_the_runtimes_commands_alone(cli, monkeypatch):
    find_spec = edgeproof.find_spec
    monkeypatch.setattr(
        edgeproof,
        "find_spec",
        lambda module: (module not in ("export", "train") and find_spec(module)) or None,
    )
    code, out, _ = cli("--print-completion", "bash")
    assert code == 0 and "--threads" in out and "--pixels" not in out and "--schedule" not in out


def test_without_shtab_the_pip_line_is_printed(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert cli("--print-completion", "bash") == (
        1,
        "",
        "error: --print-completion needs the package shtab; install it with: pip install shtab\n",
    )
    with pytest.raises(PackageError):
        edgeproof.main(["--print-completion", "bash"])
