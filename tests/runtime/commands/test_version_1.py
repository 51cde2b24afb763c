"""Every command on bundles of version 1 of the format."""

import json
import zipfile

import numpy as np
import pytest

from tests.bundles import IMAGE_PAIRS, MODELS
from tests.runtime.commands.test_commands import cli

__all__ = ["cli"]


@pytest.fixture
def image(tmp_path):
    """The classifier's bundle as a folder."""
    with zipfile.ZipFile(MODELS / "version-1-image.zip") as archive:
        archive.extractall(tmp_path / "image")
    return tmp_path / "image"


@pytest.fixture
def table():
    """The regressor's bundle as one file."""
    return MODELS / "version-1-table.zip"


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """A state folder of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_info(cli, image, table):
    code, out, err = cli("info", image)
    assert (code, err) == (0, "") and "images 8x8x1" in out and "probabilities of 3 labels" in out
    code, out, _ = cli("info", table)
    assert code == 0 and "rows of 3: depth, width, height" in out and "value in cm³" in out
    code, out, _ = cli("info", table, "--json")
    assert code == 0 and json.loads(out)["manifest_version"] == 1 and json.loads(out)["engines"]


def test_verify(cli, image):
    code, out, err = cli("verify", image)
    assert (code, err) == (0, "") and out.count(" ok ") == IMAGE_PAIRS and "output" not in out


def test_predict(cli, image, table):
    code, out, err = cli("predict", image, image / "golden.npz")
    assert (code, err) == (0, "") and len(out.splitlines()) == 32 and "circle" in out
    code, out, _ = cli("predict", table, "--values", "1 2 3", "--json")
    (answer,) = json.loads(out)["predictions"]
    assert code == 0 and answer["unit"] == "cm³" and answer["source"] == "1 2 3"


def test_bench(cli, table):
    code, out, err = cli("bench", table, "--calls", "20", "--json", "--engine", "onnxruntime")
    (row,) = json.loads(out)["rows"]
    assert (code, err) == (0, "") and row["latency_us_p50"] > 0 and row["batch_us_per_row"] > 0


def test_compare_and_select(cli, table, tmp_path, golden):
    np.savez(tmp_path / "a.npz", inputs=golden["rows"], targets=golden["values"] + 2)
    code, out, _ = cli("compare", table, "--inputs", tmp_path / "a.npz", "--calls", "20", "--json")
    found = json.loads(out)
    assert code == 0 and found["ship"]["file"] and "metrics" not in found
    assert {round(row["metric"], 4) for row in found["rows"] if row["status"] == "ok"} == {2}
    code, out, _ = cli("select", table, "--threads", "1", "--engine", "onnxruntime")
    assert code == 0 and "Use onnx-float32 with onnxruntime, 1 thread: the only one" in out


def test_pack_and_install(cli, image, tmp_path):
    code, _, err = cli("pack", image, tmp_path / "a.zip")
    assert (code, err) == (0, "")
    code, out, err = cli("install", tmp_path / "a.zip", tmp_path / "installed")
    assert (code, err) == (0, "") and "tiny-image, bundle version 0" in out
