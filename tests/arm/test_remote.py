"""`remote` to an emulated board behind a real OpenSSH server: what a user's desk sees of a Pi with nothing on it."""

from arm.server import serving_wheels
from runtime.measure.row import rows_from_json
from tests import bundles
from tests.export.remote.conftest import device, server, visited

__all__ = ["device", "server"]


def test_a_bare_board_is_visited_and_again(bare_board, arm_wheels, device, tmp_path):
    """By the board's own pip, from a package index. With LiteRT alone: a pip that is emulated takes its time."""
    asked = ("pi", bundles.table_bundle(tmp_path / "bundle"), "--engine", "litert", "--calls", "10")
    with serving_wheels(arm_wheels, tmp_path / "index") as (port, projects):
        device.take_python(bare_board.python, port)
        code, _, err = visited(device, *asked)
    assert code == 0, err
    board = "Raspberry Pi 4 Model B Rev 1.5"
    assert f"pi: {board}, Debian GNU/Linux 12 (bookworm), 64-bit, Python 3.11." in err
    assert "installed: no numpy, no engine\n" in err
    assert projects >= {"numpy", "ai-edge-litert"} and "onnxruntime" not in projects
    rows = [row for row in rows_from_json((tmp_path / "out" / "pi.json").read_bytes()) if row.status == "ok"]
    assert {(row.engine, row.board) for row in rows} == {("litert", board)} and len(rows) == 1
    assert all(row.latency_us_p50 > 0 and row.peak_rss_mib > 20 for row in rows)

    code, _, err = visited(device, *asked, "--remove")
    assert code == 0 and "the environment that is there" in err and "nothing to send" in err, err
    assert not list(device.home.iterdir())


def test_an_environment_that_a_board_makes_is_one(bare_board, tmp_path):
    """And what its Python starts runs in it too, on the board."""
    made = bare_board.run("-m", "venv", "--without-pip", str(tmp_path / "venv"))
    assert made.returncode == 0, made.stderr
    inner = "import os, sys; print(sys.prefix, os.uname().machine)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    done = bare_board._replace(python=tmp_path / "venv" / "bin" / "python").run("-c", program)
    assert done.stdout == f"{tmp_path}/venv aarch64\n", done.stderr
