"""The set-up of the boards: what a user reads where it cannot be done, and that it is done once."""

import os
import platform
import subprocess
import sys

import pytest

from arm import debian, setup
from arm.__main__ import main
from arm.boards import BOARDS, board, write_machine
from arm.errors import ArmError
from arm.wheels import ENGINES, requirements
from tests.conftest import ROOT


def test_an_unknown_board_is_refused():
    with pytest.raises(ArmError, match=r"unknown board 'pi9'; known: pi3, pi4, pi5, pi4-32"):
        board("pi9")


def test_unknown_engines_are_refused():
    with pytest.raises(ArmError, match=r"unknown engines 'old'; known: current, all"):
        setup.set_up("pi4", "old")


def test_another_processor_is_told_to_run_natively(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(ArmError, match=r"emulated on x86-64, this is aarch64: run the tests natively"):
        setup.set_up("pi4", "all")


def test_a_host_without_apt_is_told_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("EDGEPROOF_DEBIAN_MIRROR", raising=False)
    with pytest.raises(ArmError, match=r"apt-get is not on this host; the boards need Debian's"):
        debian.mirror()


def test_a_command_that_fails_is_quoted_with_its_last_words():
    with pytest.raises(ArmError, match=r"`sh -c .*` failed: not today"):
        debian.run("sh", "-c", "echo first >&2; echo not today >&2; exit 3")


def test_a_part_that_failed_leaves_nothing_and_is_made_again(tmp_path):
    def fail(folder):
        (folder / "half").touch()
        raise ArmError("no network")

    with pytest.raises(ArmError):
        setup._once(tmp_path, "part", 1, fail)
    assert list(tmp_path.iterdir()) == []
    made = []
    first = setup._once(tmp_path, "part", 1, made.append)
    assert setup._once(tmp_path, "part", 1, made.append) == first and len(made) == 1
    assert setup._once(tmp_path, "part", 2, made.append) != first


@pytest.mark.parametrize("name", BOARDS)
def test_a_guest_reads_the_boards_own_processor(name, tmp_path):
    (tmp_path / "machine").mkdir()
    (tmp_path / "userland" / "usr").mkdir(parents=True)
    write_machine(BOARDS[name], tmp_path / "userland", tmp_path / "machine")
    text = (tmp_path / "machine" / "proc" / "cpuinfo").read_text()
    assert f"CPU part\t: 0x{BOARDS[name].part}\n" in text and BOARDS[name].title in text
    assert (tmp_path / "machine" / "usr").is_dir()


def test_the_core_is_never_left_to_qemu():
    """QEMU's default answers int8 models wrongly, without an error."""
    assert all(row.core.startswith("cortex-a") for row in BOARDS.values())


def test_engines_have_the_versions_the_project_is_tested_with():
    assert "ai-edge-litert==2.3.0" in requirements(ENGINES["current"])
    assert all("==" in each for row in ENGINES.values() for each in requirements(row))


def test_the_command_says_how_it_is_used(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["pi9"])
    assert stopped.value.code == 2
    assert "invalid choice: 'pi9'" in capsys.readouterr().err


@pytest.mark.parametrize(("asked", "code"), [("", 0), ("required", 1)])
def test_that_nothing_ran_on_arm_is_said_loudly(asked, code):
    """/proc can hold no cache."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "tests/arm/test_commands.py",
            "-k",
            "verify",
            "-p",
            "no:cacheprovider",
        ],
        cwd=ROOT,
        env=os.environ | {"EDGEPROOF_ARM_CACHE": "/proc/no", "EDGEPROOF_ARM": asked},
        capture_output=True,
        text=True,
    )
    assert done.returncode == code, done.stdout
    assert "/proc/no: cannot be written" in done.stdout
    if not asked:
        assert "! THE ARM TESTS DID NOT RUN !" in done.stdout
