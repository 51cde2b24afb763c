"""`remote` to an emulated board behind a real OpenSSH server: what a user's desk sees of a Pi with nothing on it."""

import shutil

import pytest

from arm.server import serving_wheels
from runtime.measure.row import rows_from_json
from tests import bundles
from tests.arm.conftest import note_earlier
from tests.arm.kept import OF_A_VISIT, SOURCES, finished, key, run_once
from tests.conftest import EXPORTS
from tests.export.remote.conftest import device, server, visited

__all__ = ["device", "server"]


@pytest.fixture
def visits(bare_board, arm_wheels, device, tmp_path, request):
    """What came of two visits, and what pip asked the index for: now, or earlier if nothing changed that it came of.

    By the board's own pip, from a package index. With LiteRT alone: a pip that is emulated takes its time.
    """
    asked = ("pi", bundles.table_bundle(tmp_path / "bundle"), "--engine", "litert", "--calls", "10")

    def run(folder):
        with serving_wheels(arm_wheels, tmp_path / "index") as (port, projects):
            device.take_python(bare_board.python, port)
            first = visited(device, *asked)
        shutil.copytree(tmp_path / "out", folder / "out")
        again = visited(device, *asked, "--remove")
        return {
            "first": finished(*first),
            "again": finished(*again),
            "projects": finished(0, " ".join(sorted(projects))),
            "left": finished(0, " ".join(path.name for path in device.home.iterdir())),
        }

    came_of = key({"bare": bare_board}, arm_wheels.iterdir(), (*SOURCES, *OF_A_VISIT))
    found, earlier = run_once("visit", came_of, run)
    note_earlier(request.config, earlier)
    return found


def test_a_bare_board_is_visited_and_again(visits):
    first, again = visits["first"], visits["again"]
    assert first.returncode == 0, first.stderr
    board = "Raspberry Pi 4 Model B Rev 1.5"
    assert f"pi: {board}, Debian GNU/Linux 12 (bookworm), 64-bit, Python 3.11." in first.stderr
    assert "installed: no numpy, no engine\n" in first.stderr
    projects = visits["projects"].stdout.split()
    assert {"numpy", "ai-edge-litert"} <= set(projects) and "onnxruntime" not in projects
    report = (EXPORTS / "visit" / "out" / "pi.json").read_bytes()
    rows = [row for row in rows_from_json(report) if row.status == "ok"]
    assert {(row.engine, row.board) for row in rows} == {("litert", board)} and len(rows) == 1
    assert all(row.latency_us_p50 > 0 and row.peak_rss_mib > 20 for row in rows)

    assert again.returncode == 0, again.stderr
    assert "the environment that is there" in again.stderr and "nothing to send" in again.stderr
    assert visits["left"].stdout == ""


def test_an_environment_that_a_board_makes_is_one(bare_board, tmp_path):
    """And what its Python starts runs in it too, on the board."""
    made = bare_board.run("-m", "venv", "--without-pip", str(tmp_path / "venv"))
    assert made.returncode == 0, made.stderr
    inner = "import os, sys; print(sys.prefix, os.uname().machine)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    done = bare_board._replace(python=tmp_path / "venv" / "bin" / "python").run("-c", program)
    assert done.stdout == f"{tmp_path}/venv aarch64\n", done.stderr
