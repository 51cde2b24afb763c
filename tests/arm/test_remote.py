"""`remote` to an emulated board behind a real OpenSSH server: what a user's desk sees of a Pi."""

import subprocess
import sys

from runtime.measure.row import rows_from_json
from tests import bundles
from tests.conftest import ROOT
from tests.export.remote.conftest import device, server

__all__ = ["device", "server"]


def test_a_board_is_visited(devices, device, tmp_path):
    board = devices["pi4-new"].python
    (device.programs / "python3").unlink()
    (device.programs / "python3").symlink_to(board)  # the program that is sent runs on the board too
    bundle = bundles.image_bundle(tmp_path / "bundle")
    done = subprocess.run(
        [sys.executable, "-m", "export", "remote", "pi", str(bundle), "--ssh", device.ssh, "--python", str(board),
         "--calls", "10", "--out", str(tmp_path), "--remove"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "pi: Raspberry Pi 4 Model B Rev 1.5, Debian GNU/Linux 12 (bookworm), 64-bit" in done.stderr
    rows = [row for row in rows_from_json((tmp_path / "pi.json").read_bytes()) if row.status == "ok"]
    assert {row.engine for row in rows} == {"litert", "onnxruntime"}
    assert {row.board for row in rows} == {"Raspberry Pi 4 Model B Rev 1.5"}
    assert all(row.latency_us_p50 > 0 and row.peak_rss_mib > 20 for row in rows)
    assert not list(device.home.iterdir())
