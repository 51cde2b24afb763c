"""The commands and the Python of the README and of the guide are run."""

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export.targets import TARGETS
from tests.conftest import ROOT

# The pages whose `console` blocks take seconds; those of the others print tables for hours.
PAGES = ("README.md", "docs/first-steps.md", "docs/raspberry-pi.md", "docs/your-model.md", "docs/budget.md")
TEXT = "\n".join((ROOT / page).read_text() for page in PAGES)
BLOCKS = [
    re.findall(r"^\$ (python .+)$", block, flags=re.MULTILINE)
    for block in re.findall(r"```console\n(.*?)```", TEXT, flags=re.DOTALL)
]
SCRIPTS = sorted(set(re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)))


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
    environment = os.environ | {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(checkout / "state")}
    return subprocess.run(arguments, cwd=checkout, env=environment, capture_output=True, text=True)


def first_images(data, folder, count=500):
    """The data folder with the first test images of MNIST alone: all 10,000 take half a minute on every engine."""
    (folder / "mnist").mkdir(parents=True)
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        content = gzip.decompress((Path(data) / "mnist" / name).read_bytes())
        sizes = np.frombuffer(
            content, ">i4", content[3], 4
        )  # the fourth byte says how many dimensions there are
        begin = 4 + sizes.nbytes
        kept = content[begin : begin + count * int(np.prod(sizes[1:]))]
        header = content[:4] + np.array([count, *sizes[1:]], ">i4").tobytes()
        (folder / "mnist" / name).write_bytes(gzip.compress(header + kept, 1))
    return folder


def test_there_are_commands_and_a_script():
    assert sum(map(len, BLOCKS)) >= 12 and len(SCRIPTS) == 1


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block[-1])
def test_commands(checkout, block, tmp_path, monkeypatch):
    for command in block:
        if "$EDGEPROOF_DATA" in command and not os.environ.get("EDGEPROOF_DATA"):
            continue  # it is about data that is not here
        if "python -m runtime" in command and "$EDGEPROOF_DATA/mnist" in command:
            monkeypatch.setenv(
                "EDGEPROOF_DATA", str(first_images(os.environ["EDGEPROOF_DATA"], tmp_path / "data"))
            )
        words = os.path.expandvars(command).split()
        done = run(checkout, [sys.executable, *words[1:]])
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert done.stdout.strip() and "Traceback" not in done.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_script(checkout, script):
    done = run(checkout, [sys.executable, "-c", script])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("litert ")


def test_the_table_of_targets_has_every_target():
    for name in TARGETS:
        assert f"| `{name}` |" in TEXT


def test_ci_runs_the_test_command_of_the_readme():
    command = (ROOT / ".ci" / "run").read_text().splitlines()[-1].removeprefix("exec ")
    assert re.search(rf"^{command} ", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
