"""What ran on the boards is taken for an earlier run's only while all is the same that it came of."""

import subprocess
from pathlib import Path

import pytest

from arm.device import Device
from tests.arm import kept
from tests.arm.kept import Kept
from tests.conftest import ROOT


@pytest.fixture
def board(tmp_path):
    """A device as `make_device` leaves it, without what is behind it."""
    python = tmp_path / "pi4" / "bin" / "python"
    device = Device("pi4", python)
    for folder in (python.parent, device.site):
        folder.mkdir(parents=True)
    python.write_text("exec qemu-aarch64-1 -cpu cortex-a72")
    (device.site / "engines.pth").write_text("/cache/wheels-current-1\n")
    return device


@pytest.fixture
def bundle(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"weights")
    return path


def done(code=0):
    return subprocess.CompletedProcess([Path("python"), "-m", "runtime"], code, stdout="ok\n", stderr="")


def test_what_ran_is_read_again_under_its_key_alone(tmp_path):
    Kept(tmp_path, "one").write({"pi4 verify": done()})
    earlier = Kept(tmp_path, "one").read()
    assert earlier is not None and list(earlier) == ["pi4 verify"]
    assert (earlier["pi4 verify"].returncode, earlier["pi4 verify"].stdout) == (0, "ok\n")
    assert Kept(tmp_path, "two").read() is None


def test_what_failed_is_tried_again(tmp_path):
    Kept(tmp_path, "one").write({"pi4 verify": done(), "pi5 verify": done(1)})
    assert Kept(tmp_path, "one").read() is None


def test_what_a_run_gave_is_given_again_until_its_key_changes(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "EXPORTS", tmp_path)
    folders = []

    def run(folder):
        folders.append(sorted(path.name for path in folder.iterdir()))
        (folder / "answers.npz").touch()
        return {"pi4 verify": done()}

    found = [kept.run_once("boards", key, run) for key in ("one", "one", "two")]
    assert [each[1] for each in found] == [None, tmp_path / "boards", None]
    assert all(each["pi4 verify"].stdout == "ok\n" for each, _ in found)
    assert folders == [[], []]  # the second time nothing ran, and the third began with an empty folder


def test_the_key_changes_with_everything(board, bundle, tmp_path, monkeypatch):
    root = tmp_path / "root"
    (root / "runtime").mkdir(parents=True)
    source = root / "runtime" / "model.py"
    source.write_text("1")
    monkeypatch.setattr(kept, "ROOT", root)

    def found(device=board):
        return kept.key({"pi4": device}, [bundle])

    keys = [found()]
    assert found() == keys[0]
    visit = root / "export" / "remote.py"
    visit.parent.mkdir()
    visit.write_text("1")
    assert found() == keys[0] != kept.key({"pi4": board}, [bundle], (*kept.SOURCES, *kept.OF_A_VISIT))
    for path in (source, bundle, board.python, board.site / "engines.pth"):
        path.write_text(path.read_text() + " ")
        keys.append(found())
    (root / "runtime" / "new.py").touch()
    keys.append(found())
    monkeypatch.setattr(kept, "cpu_name", lambda: "another processor")
    keys.append(found())
    monkeypatch.setattr(kept, "version", lambda name: "0")
    keys.append(found())
    (board.site / "engines.pth").unlink()
    keys.append(found())
    assert len(set(keys)) == len(keys)


def test_the_sources_are_those_that_run_there():
    names = {str(path.relative_to(ROOT)) for path in kept.sources(ROOT)}
    assert names > {
        "runtime/model.py",
        "arm/device.py",
        "tests/arm/guest.py",
        "tests/bundles.py",
        "tests/conftest.py",
        "tests/ties.py",
    }
    assert not any(name.startswith(("tests/test_", "tests/arm/test_")) for name in names)
    every = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob("*.py")}
    assert all(Path(name).name.startswith("test_") for name in every - names)
    for others in (kept.OF_A_VISIT, kept.OF_A_COUNT, kept.OF_A_CAUSE):
        assert all(kept.sources(ROOT, [pattern]) for pattern in others)
    assert "tests/runtime/test_model.py" in names and not any("__pycache__" in name for name in names)
