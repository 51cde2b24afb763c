"""The set-up of the boards: what a user reads where it cannot be done, and that it is done once."""

import errno
import os
import platform
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from arm import debian, setup, wheels
from arm.__main__ import main
from arm.boards import BOARDS, board, write_machine
from arm.errors import ArmError, CommandError
from arm.wheels import ENGINES, requirements
from tests.conftest import ROOT


def test_an_unknown_board_is_refused():
    with pytest.raises(ArmError, match=r"unknown board 'pi9'; known: pi3, pi4, pi5, pi4-32, pi5-trixie$"):
        board("pi9")


@pytest.mark.parametrize(
    ("name", "engines", "known"),
    [
        ("pi4", "old", "current, all, tests"),
        ("pi4", "debian", "current, all, tests"),
        ("pi5-trixie", "all", "current-3.13, debian"),
        ("pi4-32", "current", "tflite-32"),
    ],
)
def test_engines_that_a_board_cannot_have_are_refused(name, engines, known):
    with pytest.raises(ArmError, match=rf"^unknown engines '{engines}' for {name}; it can have: {known}$"):
        setup.set_up(name, engines)


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


def test_of_several_complaints_the_first_error_is_quoted():
    said = "W: a warning\nE: Failed to fetch http://x/y  404\nE: Some index files failed to download."
    with pytest.raises(CommandError, match=r"(?s)^`sh -c .*` failed: E: Failed to fetch http://x/y  404$"):
        debian.run("sh", "-c", f"echo '{said}' >&2; exit 100")


def test_a_command_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(debian, "COMMAND_SECONDS", 0.2)
    with pytest.raises(CommandError, match=r"^`sleep 60` did not end within 0.2 s$"):
        debian.run("sleep", "60")


APT = """
'https://download.docker.com/linux/debian/dists/bookworm/stable/binary-amd64/Packages.bz2' docker 0
'http://mirror.example/debian-security/dists/bookworm-security/main/binary-amd64/Packages.xz' security 0
'http://mirror.example/debian/dists/{release}/main/binary-amd64/Packages.xz' debian 0
"""


@pytest.mark.parametrize("release", debian.RELEASES)
def test_the_mirror_is_the_one_of_the_hosts_own_apt(release, monkeypatch):
    monkeypatch.delenv("EDGEPROOF_DEBIAN_MIRROR", raising=False)
    monkeypatch.setattr(debian, "run", lambda *command: APT.format(release=release))
    assert debian.mirror() == "http://mirror.example/debian"


def test_a_host_of_another_kind_is_told_to_name_a_mirror(monkeypatch):
    monkeypatch.delenv("EDGEPROOF_DEBIAN_MIRROR", raising=False)
    monkeypatch.setattr(debian, "run", lambda *command: APT.format(release="noble"))
    with pytest.raises(
        ArmError, match=r"no Debian mirror with bookworm or trixie; name one in EDGEPROOF_DEBIAN_MIRR"
    ):
        debian.mirror()


class Network:
    """Stands in for apt and pip: each download leaves a file behind, and fails as often as it is told to."""

    def __init__(self, failures: dict[str, int]) -> None:
        self.failures = failures
        self.tries = Counter()

    def run(self, *command: str) -> str:
        targets = [word for word in command if word.startswith("--target=")]
        what = "pip" if targets else "update" if "update" in command else ""
        self.tries[what] += 1
        failed = self.tries[what] <= self.failures.get(what, 0)
        for target in targets:
            (Path(target.removeprefix("--target=")) / ("half" if failed else "whole")).touch()
        if failed:
            raise CommandError(f"`{what}` failed: connection reset")
        return ""


@pytest.fixture
def network(monkeypatch, tmp_path):
    def with_failures(**failures: int) -> Network:
        made = Network(failures)
        monkeypatch.setattr(debian, "run", made.run)
        monkeypatch.setattr(wheels, "run", made.run)
        return made

    monkeypatch.setenv("EDGEPROOF_ARM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGEPROOF_DEBIAN_MIRROR", "http://mirror.example/debian")
    monkeypatch.setattr(setup, "_PAUSES", (0, 0))
    return with_failures


def parts(cache):
    return sorted(path.name.rpartition("-")[0] for path in cache.iterdir() if path.name != "lock")


@pytest.mark.parametrize("what", ["pip", "update"])
def test_a_download_that_fails_twice_is_tried_again_from_the_start(what, network, tmp_path):
    used = network(**{what: 2})
    made = setup.set_up("pi4", "current")
    assert used.tries["pip"] == (3 if what == "pip" else 1)
    assert [path.name for path in made.packages[0].iterdir()] == ["whole"]
    assert parts(tmp_path / "cache") == ["board-pi4", "debian-amd64", "debian-arm64", "wheels-current"]


def test_a_download_that_always_fails_is_one_error_and_leaves_nothing_half_done(network, tmp_path):
    network(pip=9)
    with pytest.raises(ArmError, match=r"^`pip` failed: connection reset; tried 3 times$") as caught:
        setup.set_up("pi4", "current")
    assert not isinstance(caught.value, CommandError)
    assert parts(tmp_path / "cache") == ["board-pi4", "debian-amd64", "debian-arm64"]
    again = network()
    assert [path.name for path in setup.set_up("pi4", "current").packages[0].iterdir()] == ["whole"]
    assert again.tries == {"pip": 1}


def test_what_fails_without_a_download_is_not_tried_again(tmp_path):
    tries = []

    def fail(folder):
        tries.append(folder)
        (folder / "half").touch()
        raise CommandError("no compiler")

    with pytest.raises(ArmError, match=r"^no compiler$"):
        setup._once(tmp_path, "part", 1, fail)
    assert len(tries) == 1 and list(tmp_path.iterdir()) == []
    made = []
    first = setup._once(tmp_path, "part", 1, made.append)
    assert setup._once(tmp_path, "part", 1, made.append) == first and len(made) == 1
    assert setup._once(tmp_path, "part", 2, made.append) != first


def test_a_full_disk_is_one_error(tmp_path):
    def fill(folder):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(
        ArmError, match=r"part-\w+: cannot be written \(No space left on device\); name another folder"
    ):
        setup._once(tmp_path, "part", 1, fill)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_set_up_left_is_removed(network, tmp_path):
    left = tmp_path / "cache" / ".wheels-all-0123-abc"
    left.mkdir(parents=True)
    (left / "half").touch()
    network()
    setup.set_up("pi4", "current")
    assert not left.exists()


@pytest.mark.parametrize("name", BOARDS)
def test_a_guest_reads_the_boards_own_processor(name, tmp_path):
    (tmp_path / "machine").mkdir()
    (tmp_path / "userland" / "usr").mkdir(parents=True)
    write_machine(BOARDS[name], tmp_path / "userland", tmp_path / "machine")
    text = (tmp_path / "machine" / "proc" / "cpuinfo").read_text()
    assert f"CPU part\t: 0x{BOARDS[name].part}\n" in text and BOARDS[name].title in text
    assert (tmp_path / "machine" / "usr").is_dir()


def test_the_emulator_takes_no_loader_of_the_hosts(devices):
    """That of a newer Debian than the libraries' ends every program: "stack smashing detected"."""
    script = shlex.split(devices["pi4"].python.read_text(), comments=True)
    loader = Path(next(word for word in script if "ld-linux" in word))
    assert loader.resolve().is_relative_to(setup.cache_folder())


def test_the_core_is_never_left_to_qemu():
    """QEMU's default answers int8 models wrongly, without an error."""
    assert all(row.core.startswith("cortex-a") for row in BOARDS.values())


def test_engines_have_the_versions_the_project_is_tested_with():
    assert "ai-edge-litert==2.3.0" in requirements(ENGINES["current"])
    assert "numpy==2." in " ".join(requirements(ENGINES["current-3.13"]))
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
