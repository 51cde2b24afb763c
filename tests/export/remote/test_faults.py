"""`remote` where something fails: one clear line, and what was installed is as it was."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from tests import bundles
from tests.conftest import ROOT
from tests.export.remote.conftest import error, files, index_at, state

pytestmark = pytest.mark.conversion  # it installs packages, which takes some seconds
OVER = pytest.mark.parametrize("before", ["over an installation"], indirect=True)


@OVER
def test_no_network_on_the_device(remote, device, bundle, before):
    index_at(device, 1)
    line = error(*remote("pi", bundle, "--engine", "litert"))
    says = "its package index does not answer; bring wheels along with --offline WHEELS"
    assert line == f"pi: pip install failed: {says}"
    assert state(device) == before


@OVER
def test_wheels_that_do_not_fit_are_said(remote, device, bundle, before, tmp_path):
    (tmp_path / "wheels").mkdir()
    line = error_of_usage(*remote("pi", bundle, "--offline", tmp_path / "wheels"))
    assert "has no wheels for" in line
    (tmp_path / "wheels" / "tiny-1.0-py3-none-any.whl").write_bytes(b"no wheel")
    line = error(*remote("pi", bundle, "--offline", tmp_path / "wheels"))
    assert "pip install failed: ERROR: No matching distribution found for numpy" in line
    assert state(device) == before


def error_of_usage(code, out, err):
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code in (1, 2) and len(lines) == 1, err
    return lines[0]


def test_a_folder_of_somebody_else_is_left_alone(remote, device, bundle, here):
    (device.home / "photos").mkdir()
    (device.home / "photos" / "cat.jpg").touch()
    line = error(*remote("pi", bundle, "--python", here, "--folder", "photos", "--remove"))
    assert "photos is there, and was not made by edgeproof; give another folder with --folder" in line
    assert files(device.home) == ["photos", "photos/cat.jpg"]


def test_a_full_disk(remote, device, bundle, here, tmp_path):
    """A disk of 2 MiB, where the user may mount one; the bundle that is there stays."""
    disk = device.home / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(disk)], capture_output=True
    ).returncode:
        pytest.skip("a small disk cannot be mounted here: it takes root")
    try:
        code, _, err = remote("pi", bundle, "--python", here, "--folder", "disk", "--calls", "10")
        assert code == 0, err
        before = {path: path.read_bytes() for path in disk.glob("bundles/*/*")}
        with (disk / "filler").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4096))
        other = bundles.several_bundle(tmp_path / "other")
        line = error(*remote("pi", other, "--python", here, "--folder", "disk"))
        assert "its disk is full" in line
        assert before and {path: path.read_bytes() for path in disk.glob("bundles/*/*")} == before
        assert not (disk / "bundles" / "tiny-several").exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def cut(server):
    """Ends the server's sessions, as a connection that breaks does; what they started goes on."""
    below = psutil.Process(int((server.folder / "pid").read_text())).children(recursive=True)
    # They are called sshd-session from OpenSSH 9.8 on.
    sessions = [process for process in below if process.name().startswith("sshd")]
    assert sessions
    for session in sessions:
        session.kill()


def broken_off(device, server, at, end, *arguments):
    """Starts the command, ends it or its connection at a line of what it says; its exit code and last line."""
    command = [sys.executable, "-m", "export", "remote", "pi", *map(str, arguments), "--ssh", device.ssh]
    command += ["--out", str(device.folder / "out")]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # a shell's background jobs ignore it
    ) as started:
        assert any(at in line for line in started.stderr)
        time.sleep(1)
        assert started.poll() is None  # it is in the midst of it
        if end is None:
            cut(server)
        else:
            os.killpg(started.pid, end)
        *_, last = ["", *started.stderr]
    return started.returncode, last


def wait_for_the_end(device):
    """Waits until the program on the device has ended, which gives the lock back; nothing may go on then."""
    place = device.home / "edgeproof"
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    left = subprocess.run(["pgrep", "-f", re.escape(str(place))], capture_output=True, text=True)
    assert left.stdout == ""


ENDS = {"killed": signal.SIGKILL, "ended": signal.SIGINT, "cut": None}


def check_the_end(code, last, end):
    assert "Traceback" not in last
    if end is None:
        assert code == 1 and last.startswith("error: pi: the connection broke")
    else:
        assert code == (130 if end == signal.SIGINT else -signal.SIGKILL)


@pytest.mark.parametrize(
    ("before", "end"),
    [("over an installation", end) for end in ENDS.values()] + [("from nothing", None)],
    indirect=["before"],
    ids=[*ENDS, "from nothing"],
)
def test_an_installation_that_is_broken_off_leaves_nothing_half_made(device, server, bundle, before, end):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and never answers
        index_at(device, silent.getsockname()[1])
        check_the_end(*broken_off(device, server, "installing numpy", end, bundle, "--engine", "litert"), end)
        wait_for_the_end(device)
    assert state(device) == before


@OVER
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_measurement_that_is_broken_off_leaves_what_is_installed(
    device, server, bundle, wheels, before, end
):
    asked = (bundle, "--engine", "litert", "--offline", wheels, "--calls", 1_000_000)
    check_the_end(*broken_off(device, server, "verifying and measuring", end, *asked), end)
    wait_for_the_end(device)
    assert state(device) == before and not (device.folder / "out" / "pi.json").exists()
    python = device.home / "edgeproof" / "current" / "bin" / "python"
    verify = [python, "-m", "runtime", "verify", device.home / "edgeproof" / "bundles" / "tiny-table"]
    assert subprocess.run(verify, cwd="/", capture_output=True).returncode == 0


@pytest.mark.parametrize("stay", ["--remove", "--keep"])
def test_after_a_failure_all_is_removed_if_that_was_asked_for(remote, device, bundle, stay, tmp_path):
    failing = tmp_path / "failing"
    failing.write_text(
        '#!/bin/sh\ncase "$*" in *" install "*) mkdir -p "$5"; exit 0;; esac\n'
        "echo 'error: it cannot be measured' >&2; exit 1\n"
    )
    failing.chmod(0o755)
    code, out, err = remote("pi", bundle, "--python", failing, stay)
    assert error(code, out, err) == "pi: it cannot be measured"
    assert ("pi: removed from" in err) == (stay == "--remove") == (files(device.home) == [])


def test_too_little_memory_is_said(remote, device, bundle, tmp_path):
    killed = tmp_path / "killed"
    killed.write_text('#!/bin/sh\ncase "$*" in *" install "*) mkdir -p "$5"; exit 0;; esac\nkill -9 $$\n')
    killed.chmod(0o755)
    line = error(*remote("pi", bundle, "--python", killed))
    assert line == "pi: compare failed: it was killed; the device may have too little memory"
