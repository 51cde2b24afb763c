"""`remote` against a real OpenSSH server: what is installed, what comes back, what a fault leaves behind."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from export.remote.ssh import Host, RemoteError
from runtime.bundle.reader import open_bundle
from runtime.measure.row import rows_from_json
from tests import bundles
from tests.conftest import ROOT
from tests.export.remote.conftest import Device

pytestmark = pytest.mark.conversion  # it installs packages, which takes some seconds
NUMPY = "numpy"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    """A small bundle; do not change it."""
    return bundles.table_bundle(tmp_path_factory.mktemp("remote") / "bundle")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Wheels for a device without a network: numpy and one engine, for this very machine."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--only-binary=:all:",
         "--dest", str(folder), NUMPY, "ai-edge-litert>=2.0"],
        check=True,
    )  # fmt: skip
    return folder


@pytest.fixture
def remote(device: Device, tmp_path):
    """Runs the command here, for the device; exit code, stdout, stderr."""

    def run(*arguments, ssh=device.ssh, **options):
        command = [sys.executable, "-m", "export", "remote", *map(str, arguments)]
        command += ["--ssh", ssh, "--out", str(tmp_path / "out")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=550, **options)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def here(tmp_path_factory):
    """A Python of the device that has the runtime and the engines: this one, with this checkout."""
    script = tmp_path_factory.mktemp("here") / "python"
    script.write_text(f'#!/bin/sh\nexport PYTHONPATH={ROOT}\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return script


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def error(code, out, err):
    """The one line that says what was wrong."""
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 1 and out == "" and len(lines) == 1 and err.endswith(f"{lines[0]}\n"), err
    return lines[0].removeprefix("error: ")


def test_from_nothing_to_a_report_and_again(remote, device, bundle, wheels, tmp_path):
    asked = (bundle, "--engine", "litert", "--offline", wheels, "--calls", "40", "--threads", "1,2")
    code, out, err = remote("pi", *asked, "--dry-run")
    what = "an environment with numpy>=1.24, ai-edge-litert>=2.0 and edgeproof_runtime-"
    assert (code, out) == (0, "") and f"pi: into {device.home}/edgeproof: {what}" in err
    assert files(device.home) == []

    code, out, err = remote("pi", *asked)
    assert code == 0, err
    assert re.search(r"pi: sending \d+ files, [\d,]+ KiB\n", err) and "pi: verifying and measuring\n" in err
    rows = rows_from_json((tmp_path / "out" / "pi.json").read_bytes())
    passed = [row for row in rows if row.status == "ok"]
    assert {(row.engine, row.threads) for row in passed} == {("litert", 1), ("litert", 2)}
    assert all(
        row.latency_us_p50 > 0 and row.board and row.peak_rss_mib > 20 and row.blocks for row in passed
    )
    report = json.loads((tmp_path / "out" / "pi.json").read_text())
    assert report["host"] == "pi" and report["bundle"] == open_bundle(bundle).digest
    assert report["machine"]["python"].startswith("3.") and report["ship"]["engine"] == "litert"
    assert re.search(r"(?m)^Ship \S+ with litert: of the \d+, ", out)
    place = device.home / "edgeproof"
    assert sorted(path.name for path in place.iterdir()) == [
        ".edgeproof", "bundles", "current", "engines", "environments", "lock",
    ]  # fmt: skip
    assert open_bundle(place / "bundles" / "tiny-table").digest == report["bundle"]
    done = subprocess.run(
        [place / "current" / "bin" / "python", "-m", "runtime", "info", place / "bundles" / "tiny-table"],
        capture_output=True, text=True, cwd="/",
    )  # fmt: skip
    assert done.returncode == 0 and "engines here: litert" in done.stdout

    # A second run sends only what is not there; what was damaged there is mended.
    code, _, err = remote("pi", *asked)
    assert (
        code == 0 and "nothing to send: it has every file" in err and "the environment that is there" in err
    )
    (place / "bundles" / "tiny-table" / "onnx-float32.onnx").write_bytes(b"damaged")
    code, _, err = remote("pi", *asked, "--remove")
    assert code == 0 and "sending 1 file, " in err and "removed from" in err
    assert files(device.home) == []


def test_several_devices_at_once_and_one_that_is_not_there(remote, device, bundle, here, tmp_path):
    asked = (bundle, "--python", here, "--calls", "20", "--folder")
    code, _, err = remote("pi", "pi-2", "no-such-host", *asked, "a folder, isn't it")
    # Two names of one device, in one folder: the second waits in vain, or comes later.
    hosts = {path.name for path in (tmp_path / "out").iterdir()}
    assert code == 1 and "error: no-such-host: there is no host of that name" in err
    assert hosts and hosts <= {"pi.json", "pi-2.json"}
    if len(hosts) == 1:
        assert "another run " in err
    assert (device.home / "a folder, isn't it" / "bundles" / "tiny-table").is_dir()


@pytest.mark.parametrize("name", ["it's", 'a "b" $(touch no) `touch no`; touch no', "ü é", "-n"])
def test_names_are_quoted_for_whatever_shell(remote, device, bundle, name):
    code, _, err = remote("pi", bundle, "--dry-run", f"--folder={name}/x")
    assert code == 0 and f"pi: into {device.home}/{name}/x: an environment with " in err
    assert files(device.home) == []


def test_an_unknown_or_changed_host_key_is_never_accepted(remote, device, bundle, server):
    _, keys = server
    unknown = device.config(UserKnownHostsFile=keys / "nothing-known")
    assert error(*remote("pi", bundle, ssh=unknown)).startswith(
        "pi: its host key is not known here; connect once by"
    )
    changed = device.config(UserKnownHostsFile=keys / "known-other")
    assert error(*remote("pi", bundle, ssh=changed)).startswith(
        "pi: its host key is not the one that is known for it"
    )
    assert not (keys / "nothing-known").exists() and files(device.home) == []


def test_a_wrong_key_is_refused_at_once(remote, device, bundle, server):
    wrong = device.config(IdentityFile=server[1] / "other")
    assert error(*remote("pi", bundle, ssh=wrong)).startswith(
        "pi: it does not let you in; give it your public key"
    )


def test_nothing_that_listens(remote, device, bundle):
    assert error(*remote("pi", bundle, ssh=device.config(Port=1))).startswith(
        "pi: nothing answers to ssh there"
    )


def test_what_never_answers_is_given_up(remote, device, bundle):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and says nothing
        ssh = f"{device.config(Port=silent.getsockname()[1])} -o ConnectTimeout=2"
        assert error(*remote("pi", bundle, ssh=ssh)).startswith("pi: it does not answer (")
    (device.programs / "python3").unlink()
    device.program("python3", "#!/bin/sh\nexec sleep 60\n")
    began = time.monotonic()
    with pytest.raises(RemoteError, match=r"^pi: look took more than 2 s and was given up$"):
        Host("pi", device.ssh).ask({"action": "look"}, print, timeout_s=2)
    assert time.monotonic() - began < 40


def test_a_connection_that_breaks_is_said(remote, device, bundle):
    (device.programs / "python3").unlink()
    up = 'while [ "$(ps -o comm= -p $p)" != sshd ]; do p=$(ps -o ppid= -p $p); done'  # to the session's own sshd
    device.program("python3", f"#!/bin/sh\np=$PPID\n{up}\nkill -9 $p\nexec sleep 5\n")
    line = error(*remote("pi", bundle))
    assert line.startswith("pi: the connection broke (ssh ended with 255")


def test_an_old_python_and_none(remote, device, bundle):
    (device.programs / "python3").unlink()
    device.program("python3", f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 7, 3); '
                              'program = sys.argv.pop(2); sys.argv.pop(1); exec(program)" "$@"\n')  # fmt: skip
    line = error(*remote("pi", bundle))
    assert line == "pi: its Python is 3.7; the runtime needs 3.10 or newer"
    device.program("python3", "#!/bin/sh\necho 'sh: 1: python3: not found' >&2\nexit 127\n")
    assert error(*remote("pi", bundle)).startswith(
        "pi: it has no python3; install it there with: sudo apt install"
    )
    assert files(device.home) == []


def index_at(device, port):
    """Makes the package index of the device one at a port of this machine, and no other."""
    real = (device.programs / "python3").resolve()
    (device.programs / "python3").unlink()
    settings = f"PIP_CONFIG_FILE=/dev/null PIP_INDEX_URL=http://127.0.0.1:{port}/simple PIP_RETRIES=0 PIP_FIND_LINKS="
    device.program("python3", f'#!/bin/sh\nexport {settings}\nexec {real} "$@"\n')


def test_no_network_on_the_device(remote, device, bundle):
    index_at(device, 1)
    line = error(*remote("pi", bundle, "--engine", "litert"))
    says = "its package index does not answer; bring wheels along with --offline WHEELS"
    assert line == f"pi: pip install failed: {says}"
    assert not list((device.home / "edgeproof" / "environments").iterdir())


def test_wheels_that_do_not_fit_are_said(remote, device, bundle, tmp_path):
    (tmp_path / "wheels").mkdir()
    line = error_of_usage(*remote("pi", bundle, "--offline", tmp_path / "wheels"))
    assert "has no wheels for" in line
    (tmp_path / "wheels" / "tiny-1.0-py3-none-any.whl").write_bytes(b"no wheel")
    line = error(*remote("pi", bundle, "--offline", tmp_path / "wheels"))
    assert "pip install failed: ERROR: No matching distribution found for numpy" in line
    assert not list((device.home / "edgeproof" / "environments").iterdir())


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


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_command_that_is_killed_leaves_nothing_half_made(device, bundle, end):
    command = [
        sys.executable,
        "-m",
        "export",
        "remote",
        "pi",
        str(bundle),
        "--ssh",
        device.ssh,
        "--engine",
        "litert",
    ]
    place = device.home / "edgeproof"
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections, and never answers
        index_at(device, silent.getsockname()[1])
        with subprocess.Popen(
            command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as started:
            assert any("installing numpy" in line for line in started.stderr)
            assert len(list((place / "environments").iterdir())) == 1
            time.sleep(0.5)
            os.killpg(started.pid, end)
            *_, last = [*started.stderr, ""]
        assert end == signal.SIGKILL or (started.returncode == 130 and "Traceback" not in last)
        for _ in range(300):
            if not list((place / "environments").iterdir()):
                break
            time.sleep(0.1)
    assert not list((place / "environments").iterdir()) and not (place / "current").exists()
    pip = subprocess.run(["pgrep", "-f", re.escape(str(place))], capture_output=True, text=True)
    assert pip.stdout == ""  # nothing goes on there


def test_too_little_memory_is_said(remote, device, bundle, tmp_path):
    killed = tmp_path / "killed"
    killed.write_text('#!/bin/sh\ncase "$*" in *" install "*) mkdir -p "$5"; exit 0;; esac\nkill -9 $$\n')
    killed.chmod(0o755)
    line = error(*remote("pi", bundle, "--python", killed))
    assert line == "pi: compare failed: it was killed; the device may have too little memory"


def test_usage(remote, bundle):
    for arguments, words in (
        ([bundle], "the following arguments are required: BUNDLE"),
        (["a b", bundle], "'a b' is no name of a host"),
        (["pi", bundle, "--engine", "tensorrt"], "unknown engine 'tensorrt'; known: litert"),
    ):
        code, out, err = remote(*arguments)
        assert (code, out) == (2, "") and words in err
    code, _, err = remote("pi", bundle, ssh="no-such-program")
    assert code == 2 and "'no-such-program' cannot be run here; install the package openssh-client" in err
    code, _, err = remote("pi", Path("/no/bundle"))
    assert code == 1 and err.count("\n") == 1
