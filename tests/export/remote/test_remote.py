"""`remote` against a real OpenSSH server: what is installed, what comes back, what a fault leaves behind."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from arm.server import serving_wheels
from export.remote import wheel
from export.remote.on_device import digest_of
from export.remote.plan import Wish
from export.remote.ssh import Host, RemoteError
from export.remote.visit import Stay, parcel, visit
from runtime.bundle.reader import open_bundle
from runtime.measure.row import rows_from_json
from tests.export.remote.conftest import copy, error, files, index_at

pytestmark = pytest.mark.conversion  # it installs packages, which takes some seconds


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

    # Only what was imported is compiled: pip would take longest for the rest.
    (numpy,) = place.glob("engines/*/lib/python3*/site-packages/numpy")
    assert (numpy / "__pycache__").exists() and not (numpy / "f2py" / "__pycache__").exists()

    # A second run sends only what is not there; what was damaged there is mended.
    code, _, err = remote("pi", *asked, "--keep")
    assert (
        code == 0 and "nothing to send: it has every file" in err and "the environment that is there" in err
    )
    (place / "bundles" / "tiny-table" / "onnx-float32.onnx").write_bytes(b"damaged")
    code, _, err = remote("pi", *asked, "--remove")
    assert code == 0 and "sending 1 file, " in err and "removed from" in err
    assert files(device.home) == []


def test_another_runtime_takes_one_wheel_and_leaves_the_engines(device, bundle, wheels, installed, tmp_path):
    copy(installed, device.home)
    place = device.home / "edgeproof"
    before = {path: path.stat() for path in (place / "engines").rglob("*") if "__pycache__" not in path.parts}
    was, said = (place / "current").readlink(), []
    opened = open_bundle(bundle)
    with parcel(opened) as brought:
        other = tmp_path / wheel.file_name()
        shutil.copy(brought.runtime_wheel, other)
        with zipfile.ZipFile(other, "a") as archive:
            archive.writestr("runtime/of_tomorrow.py", "")
        brought = brought._replace(runtime_digest=digest_of(other), runtime_wheel=other)
        wish, host = Wish(("litert",), wheels), Host("pi", device.ssh)
        assert visit(host, opened, brought, wish, Stay(), ["--calls", "10"], said.append)
    assert said[1].endswith(
        f"edgeproof: {wheel.file_name()}, with the engines that are there, the bundle tiny-table"
    )
    assert said[2:] == [
        f"sending 1 file, {other.stat().st_size / 1024:,.0f} KiB",
        "installing edgeproof_runtime",
        "installing the bundle",
        "verifying and measuring",
    ]
    assert {path: path.stat().st_mtime_ns for path in before} == {
        path: was.st_mtime_ns for path, was in before.items()
    }
    assert (place / "current").readlink() != was
    (environment,) = (place / "environments").iterdir()
    assert environment == (place / "current").resolve() and list(environment.rglob("of_tomorrow.py"))


def test_from_a_package_index_and_again_when_it_is_gone(remote, device, bundle, wheels, tmp_path):
    with serving_wheels(wheels, tmp_path / "index") as (port, asked):
        index_at(device, port)
        code, out, err = remote("pi", bundle, "--engine", "litert", "--calls", "10")
    assert code == 0 and " with litert: the only one that may be used here." in out, err
    assert asked == {path.name for path in (tmp_path / "index" / "simple").iterdir()}
    code, _, err = remote("pi", bundle, "--engine", "litert", "--calls", "10")
    assert code == 0 and "nothing to send" in err


def test_several_devices_at_once_and_one_that_is_not_there(remote, device, bundle, here):
    asked = (bundle, "--python", here, "--calls", "20", "--folder", "a folder, isn't it")
    code, _, err = remote("pi", "pi-2", "no-such-host", *asked)
    assert code == 1 and err.count("error: ") == 1
    assert "error: no-such-host: there is no host of that name" in err
    for host, home in (("pi", "home"), ("pi-2", "home-2")):
        report = json.loads((device.folder / "out" / f"{host}.json").read_text())
        assert report["host"] == host and {row["status"] for row in report["rows"]} >= {"ok"}
        assert (device.home.parent / home / "a folder, isn't it" / "bundles" / "tiny-table").is_dir()
    assert len(list((device.folder / "out").iterdir())) == 2


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
    device.program("python3", "#!/bin/sh\nexec sleep 60\n")
    began = time.monotonic()
    with pytest.raises(RemoteError, match=r"^pi: look took more than 2 s and was given up$"):
        Host("pi", device.ssh).ask({"action": "look"}, print, timeout_s=2)
    assert time.monotonic() - began < 40


def test_a_connection_that_breaks_is_said(remote, device, bundle):
    # Up to the session's own sshd, which is called sshd-session from OpenSSH 9.8 on.
    up = 'until ps -o comm= -p $p | grep -q "^sshd"; do p=$(ps -o ppid= -p $p); done'
    device.program("python3", f"#!/bin/sh\np=$PPID\n{up}\nkill -9 $p\nexec sleep 5\n")
    line = error(*remote("pi", bundle))
    assert line.startswith("pi: the connection broke (ssh ended with 255")


def test_an_old_python_and_none(remote, device, bundle):
    device.program("python3", f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 7, 3); '
                              'program = sys.argv.pop(2); sys.argv.pop(1); exec(program)" "$@"\n')  # fmt: skip
    line = error(*remote("pi", bundle))
    assert line == "pi: its Python is 3.7; the runtime needs 3.10 or newer"
    device.program("python3", "#!/bin/sh\necho 'sh: 1: python3: not found' >&2\nexit 127\n")
    assert error(*remote("pi", bundle)).startswith(
        "pi: it has no python3; install it there with: sudo apt install"
    )
    assert files(device.home) == []


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
