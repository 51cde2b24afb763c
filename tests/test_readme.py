"""The README's commands are run, its Python too, and its tables are the ones that its commands print."""

import os
import re
import subprocess
import sys

import pytest

from export.targets import TARGETS
from tests.conftest import ROOT

TEXT = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^\$ (python .+)$", TEXT, flags=re.MULTILINE)
SCRIPTS = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture
def checkout(exported, tmp_path):
    """A folder that looks like a checkout after `make export`."""
    (tmp_path / "artifacts").mkdir()
    for model in exported.out.iterdir():
        if (model / "bundle").is_dir():
            (tmp_path / "artifacts" / model.name).mkdir()
            (tmp_path / "artifacts" / model.name / "bundle").symlink_to(model / "bundle")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    return tmp_path


def run(checkout, arguments):
    return subprocess.run(
        arguments, cwd=checkout, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )


def test_there_are_commands_and_a_script():
    assert len(COMMANDS) >= 8 and len(SCRIPTS) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_command(checkout, command):
    if "$EDGEPROOF_DATA" in command and not os.environ.get("EDGEPROOF_DATA"):
        pytest.skip("the command is about data that is not here: EDGEPROOF_DATA is not set")
    words = os.path.expandvars(command).split()
    done = run(checkout, [sys.executable, *words[1:]])
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip() and "Traceback" not in done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_script(checkout, script):
    done = run(checkout, [sys.executable, "-c", script])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("litert ")


def test_the_table_of_targets_has_every_target():
    for name in TARGETS:
        assert f"| `{name}` |" in TEXT


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target
