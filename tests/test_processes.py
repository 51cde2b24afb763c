"""Tests that import TensorFlow have a process of their own; where they have not, the run is refused."""

import os
import subprocess
import sys

from tests.conftest import ROOT, TENSORFLOW

SETTINGS = ("-c", str(ROOT / "pyproject.toml"))


def pytest_run(*arguments, **environment):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)


def test_the_mixture_is_refused(tmp_path):
    for name in ("test_beside.py", f"{TENSORFLOW}apart.py"):  # their names are what counts
        (tmp_path / name).write_text("def test_it():\n    pass\n")
    done = pytest_run("-p", "tests.conftest", *tmp_path.iterdir(), PYTHONPATH=str(ROOT))
    assert done.returncode == 4
    assert (
        "ERROR: the files tensorflow_test_*.py need a process of their own, in which tflite-runtime loads no model: "
        "python -m pytest -o python_files='tensorflow_test_*.py'"
    ) in done.stderr


def test_the_two_kinds_are_told_apart_by_their_names(tmp_path):
    beside, apart = "test_beside.py", f"{TENSORFLOW}apart.py"
    for name in (beside, apart):
        (tmp_path / name).write_text("def test_it():\n    pass\n")
    found = pytest_run(*SETTINGS, "--collect-only", tmp_path).stdout
    assert beside in found and apart not in found
    found = pytest_run(*SETTINGS, "--collect-only", tmp_path, "-o", f"python_files={TENSORFLOW}*.py").stdout
    assert apart in found and beside not in found


def test_an_import_in_the_wrong_file_is_seen(tmp_path):
    (tmp_path / "tensorflow.py").touch()  # its name is what counts
    (tmp_path / "test_wrong.py").write_text("def test_it():\n    import tensorflow\n")
    done = pytest_run("-p", "tests.conftest", tmp_path / "test_wrong.py", PYTHONPATH=f"{ROOT}:{tmp_path}")
    assert done.returncode == 1
    assert (
        "TensorFlow is imported in this process, in which tflite-runtime then loads no model" in done.stdout
    )
    (tmp_path / "test_wrong.py").rename(tmp_path / f"{TENSORFLOW}right.py")
    done = pytest_run(
        "-p", "tests.conftest", tmp_path / f"{TENSORFLOW}right.py", PYTHONPATH=f"{ROOT}:{tmp_path}"
    )
    assert done.returncode == 0, done.stdout
