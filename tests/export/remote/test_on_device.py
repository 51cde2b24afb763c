"""The program on the device, run here as it is run there: what it takes, and what a fault leaves behind."""

import hashlib
import io
import json
import subprocess
import sys
import tarfile

import pytest

from export.remote import on_device
from tests.conftest import ROOT

PROGRAM = ROOT / "export" / "remote" / "on_device.py"
BODIES = {name: bytes([number]) * 300_000 for number, name in enumerate(("a.tflite", "b.onnx", "golden.npz"))}


def digest(body):
    return hashlib.sha256(body).hexdigest()


def tar(names):
    """A tar of these bodies, each under its name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, body in names.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return packed.getvalue()


SOUND = tar({f"{digest(body)}/{name}": body for name, body in BODIES.items()})


def ask(folder, action, stdin=b"", **order):
    """What the program says in its last line."""
    text = json.dumps({"action": action, "folder": str(folder), "bundle": "m", **order})
    with subprocess.Popen(
        [sys.executable, "-I", PROGRAM, text],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        if action == "receive":
            out, err = program.communicate(stdin)
        else:  # standard input stays open until the end, as ssh holds it
            out, err = program.stdout.read(), program.stderr.read()
    assert err == b"", err
    return json.loads(out.splitlines()[-1])


def held(folder):
    """The whole files that are there; nothing else may be."""
    found = [path for path in (folder / "files").rglob("*") if path.is_file()]
    assert all(digest(path.read_bytes()) == path.parent.name for path in found)
    assert not list(folder.rglob(".incoming"))
    return {path.name for path in found}


def test_it_needs_the_standard_library_alone():
    import ast

    names = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(ast.parse(PROGRAM.read_text(), feature_version=(3, 10)))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert names <= sys.stdlib_module_names


def test_files_are_received(tmp_path):
    place = tmp_path / "place"
    assert ask(place, "receive", SOUND, count=3) == {"done": {"received": 3}}
    assert held(place) == set(BODIES)
    facts = "def facts(place):\n    return {'place': place}\n"
    seen = ask(place, "look", facts=facts)["done"]
    assert sorted(seen["held"]) == sorted(map(digest, BODIES.values()))
    assert seen["facts"] == {"place": str(place)} and seen["whole"] == []


@pytest.mark.parametrize("part", [0.0, 0.001, 0.2, 0.34, 0.5, 0.7, 0.99])
def test_a_connection_that_breaks_leaves_whole_files_alone_and_the_next_run_goes_on(tmp_path, part):
    place = tmp_path / "place"
    said = ask(place, "receive", SOUND[: int(len(SOUND) * part)], count=3)
    assert said == {"failed": "the connection broke while files were sent"} or part == 0.99
    assert len(held(place)) <= int(part * 3) or part == 0.99
    assert ask(place, "receive", SOUND, count=3) == {"done": {"received": 3}}
    assert held(place) == set(BODIES)


def test_a_file_that_was_damaged_on_its_way_is_not_kept(tmp_path):
    damaged = tar({f"{digest(b'other')}/a.tflite": b"another"})
    assert ask(tmp_path / "p", "receive", damaged, count=1) == {"failed": "a.tflite was damaged on its way"}
    assert held(tmp_path / "p") == set()


@pytest.mark.parametrize(
    "name", ["../out", "/etc/x", f"{'0' * 64}/../../out", f"{'0' * 64}/.hidden", "0/short", "x" * 64]
)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    said = ask(tmp_path / "p", "receive", tar({name: b"x"}), count=1)
    assert said["failed"].startswith("was sent a file of an unexpected name")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p"] and held(tmp_path / "p") == set()


def test_one_run_at_a_time(tmp_path):
    import fcntl

    ask(tmp_path / "p", "tidy", keys=[])
    with (tmp_path / "p" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = ask(tmp_path / "p", "tidy", keys=[])
    assert said["failed"].startswith("another run is at work in ")


def test_a_bundle_is_made_of_what_was_sent_and_what_is_in_place(tmp_path):
    place = tmp_path / "p"
    installed = place / "bundles" / "m"
    ask(place, "tidy", keys=[])
    installed.mkdir(parents=True)
    (installed / "a.tflite").write_bytes(BODIES["a.tflite"])
    ask(place, "receive", tar({f"{digest(BODIES['b.onnx'])}/b.onnx": BODIES["b.onnx"]}), count=1)
    # The runtime's `install`, which has tests of its own, only lists here what it was given.
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncd "$4" && sha256sum *\n')
    python.chmod(0o755)
    files = {name: digest(BODIES[name]) for name in ("a.tflite", "b.onnx")}
    said = ask(place, "bundle", python=str(python), files=files)["done"]["said"]
    assert dict(line.split()[::-1] for line in said.splitlines()) == files
    assert not (place / "files" / ".bundle").exists()
    said = ask(place, "bundle", python=str(python), files=files | {"c.onnx": "0" * 64})
    assert said == {"failed": "a file that was sent is gone: another run was at work here; try again"}
    assert not (place / "files" / ".bundle").exists()


def test_environments_of_before_go_when_another_is_used(tmp_path):
    place = tmp_path / "p"
    ask(place, "tidy", keys=[])
    for key in ("before", "now"):
        (place / "environments" / key).mkdir(parents=True)
        (place / "engines" / f"{key}-too").mkdir(parents=True)
    ask(place, "tidy", keys=[])  # a Python of the device's own was used
    assert len(list(place.glob("e*/*"))) == 4
    ask(place, "tidy", keys=["now", "now-too"])
    assert sorted(path.name for path in place.glob("e*/*")) == ["now", "now-too"]


@pytest.mark.parametrize(("action", "order"), [("tidy", {"keys": ["now"]}), ("remove", {})])
def test_what_is_half_removed_does_not_count_as_whole(tmp_path, monkeypatch, action, order):
    for name in on_device.MADE:
        (tmp_path / name / "before").mkdir(parents=True)
        (tmp_path / name / "before" / on_device.COMPLETE).touch()

    monkeypatch.setattr(on_device.shutil, "rmtree", lambda *_, **__: None)  # broken off before its first file
    on_device.ACTIONS[action](tmp_path, order)
    assert len(list(tmp_path.rglob("before"))) == 2 and not list(tmp_path.rglob(on_device.COMPLETE))


def test_only_what_is_ours_is_removed(tmp_path):
    place = tmp_path / "p"
    ask(place, "receive", SOUND, count=3)
    (place / "photo.jpg").touch()
    ask(place, "remove")
    assert [path.name for path in place.iterdir()] == ["photo.jpg"]
    said = ask(place, "remove")
    assert "was not made by edgeproof" in said["failed"] and (place / "photo.jpg").exists()
    (tmp_path / "file").touch()
    assert "file is a file; give another folder" in ask(tmp_path / "file", "tidy", keys=[])["failed"]
