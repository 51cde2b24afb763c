"""Setting up: which Pythons can be used, what is pinned for them, and what a broken environment becomes."""

import importlib.util
import os
import re
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PINS = {f"3.{path.stem[3:]}": path for path in sorted((ROOT / "constraints").glob("py3*.txt"))}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DEVICE = tomllib.loads((ROOT / "runtime" / "pyproject.toml").read_text())["project"]
SCRIPT = ROOT / "constraints" / "make_venv.py"


@pytest.fixture
def make_venv():
    spec = importlib.util.spec_from_file_location("make_venv", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pins(path):
    return dict(line.split("==") for line in path.read_text().splitlines() if re.match(r"[\w.-]+==", line))


def test_there_are_pins_for_four_pythons():
    assert list(PINS) == ["3.10", "3.11", "3.12", "3.13"]


@pytest.mark.parametrize("python", PINS)
def test_the_pins_are_what_the_project_asks_for_and_nothing_but_versions(python):
    found = pins(PINS[python])
    for extra in ("export", "train", "sign", "docs", "dev"):
        for line in PROJECT["optional-dependencies"][extra]:
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"python_version": python}):
                assert wanted.specifier.contains(Version(found[wanted.name])), f"{line}: {found[wanted.name]}"
            elif "tflite" in wanted.name:
                assert wanted.name not in found
    for line in PINS[python].read_text().splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.]+|    # .*|# .*", line), line


@pytest.mark.parametrize("python", PINS)
def test_numpy_is_1_where_tflite_runtime_has_a_wheel(python):
    found = pins(PINS[python])
    assert ("tflite-runtime" in found) == found["numpy"].startswith("1.") == (python in ("3.10", "3.11"))


def test_this_environment_has_the_pinned_versions():
    from importlib.metadata import version

    found = pins(PINS[".".join(map(str, sys.version_info[:2]))])
    names = (
        "numpy",
        "keras",
        "tensorflow",
        "onnx",
        "onnxruntime",
        "ai-edge-litert",
        "litert-quantizer",
        "tf2onnx",
    )
    assert {name: version(name) for name in names} == {name: found[name] for name in names}


def test_the_wheel_of_the_device_asks_for_what_the_runtime_does():
    assert DEVICE["dependencies"] == PROJECT["dependencies"] == ["numpy>=1.24"]
    for extra, wanted in DEVICE["optional-dependencies"].items():
        assert PROJECT["optional-dependencies"][extra] == wanted
    assert DEVICE["requires-python"] == PROJECT["requires-python"]
    assert DEVICE["scripts"] == PROJECT["scripts"]


@pytest.mark.parametrize("version", ["3.9", "3.14"])
def test_a_python_without_pins_is_refused_in_one_line(make_venv, monkeypatch, tmp_path, version):
    monkeypatch.setattr(make_venv, "VERSION", version)
    monkeypatch.setattr(sys, "argv", ["make_venv.py", str(tmp_path / "venv")])
    assert make_venv.main() == (
        f"error: {sys.executable} is Python {version}; TensorFlow and the engines are pinned for Python "
        "3.10, 3.11, 3.12, 3.13; name one of these, for example: make export PYTHON=python3.13"
    )
    assert not (tmp_path / "venv").exists()


def test_a_missing_ensurepip_is_told_in_one_line(make_venv, monkeypatch, tmp_path):
    monkeypatch.setattr(make_venv, "find_spec", lambda name: None if name == "ensurepip" else name)
    monkeypatch.setattr(sys, "argv", ["make_venv.py", str(tmp_path / "venv")])
    here = ".".join(map(str, sys.version_info[:2]))
    assert make_venv.main() == (
        f"error: {sys.executable} cannot make a virtual environment, its module ensurepip is missing; "
        f"on Debian and Ubuntu: apt install python{here}-venv"
    )
    assert not (tmp_path / "venv").exists()


@pytest.mark.installation
def test_a_broken_or_foreign_environment_is_made_anew_and_a_sound_one_kept(make_venv, tmp_path):
    folder = tmp_path / "venv"
    python = folder / "bin" / "python"
    anew = f"{folder} is unfinished or belongs to another Python; it is made anew\n"

    def make():
        done = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stderr

    python.parent.mkdir(parents=True)
    python.symlink_to("/nowhere/python3")
    (folder / "left").touch()
    assert make() == anew and make_venv.usable(folder) and not (folder / "left").exists()
    (folder / "kept").touch()
    assert make() == "" and (folder / "kept").exists()
    real = python.resolve()
    for other in (
        "/nowhere/python3",
        _script(tmp_path / "other", "echo 3.9"),
        _script(tmp_path / "bad", "exit 1"),
    ):
        python.unlink()
        python.symlink_to(other)
        assert not make_venv.usable(folder)
    python.unlink()
    python.symlink_to(real)
    assert make_venv.usable(folder)
    for pip in folder.glob("lib/python3*/site-packages/pip"):
        pip.rename(pip.with_name("half"))
    assert not make_venv.usable(folder)


def _script(path, line):
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)
    return path


def test_make_stops_before_it_installs_where_the_python_cannot_be_used(tmp_path):
    python = tmp_path / "python3.9"
    python.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && echo 39 && exit\nexec {sys.executable} -c '
        '"import runpy, sys; sys.argv = sys.argv[1:]; sys.version_info = (3, 9, 0); '
        'runpy.run_path(sys.argv[0], run_name=\'__main__\')" "$@"\n'
    )
    python.chmod(0o755)
    command = ["make", "export", f"PYTHON={python}", f"VENV={tmp_path / 'venv'}"]
    # Within `make test`, the variables of that make would be this one's too, and it would speak of its jobs.
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True)
    first, *others = done.stderr.splitlines()
    assert done.returncode == 2 and not (tmp_path / "venv").exists()
    assert "is Python 3.9; TensorFlow and the engines are pinned for" in first
    assert len(others) == 1 and others[0].startswith("make: ***") and done.stdout == ""
