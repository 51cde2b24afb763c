"""No data folder, no cache, no network: everything is built and checked for parity all the same."""

import time

import pytest

from export.targets import PLAIN
from tests.conftest import DOWNLOADED, ENGINES_HERE, run_export

pytestmark = pytest.mark.conversion

# One whose data is downloaded, and one whose data comes with scikit-learn.
EXPORTED = ("mnist-cnn", "diabetes-mlp")
NOWHERE = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "EDGEPROOF_DATA": ""}


def test_all_variants_without_data_or_network(tmp_path):
    began = time.monotonic()
    done = run_export(*EXPORTED, out=tmp_path / "out", XDG_CACHE_HOME=str(tmp_path / "cache"), **NOWHERE)
    assert done.code == 0, done.stdout
    assert time.monotonic() - began < 180
    found = {
        (row["model"], row["variant"], row["engine"])
        for row in done.rows
        if row["status"] in ("ok", "unproven")
    }
    assert found == {
        (model, name, engine)
        for model in EXPORTED
        for name, target in PLAIN.items()
        for engine in target.engines
        if engine in ENGINES_HERE
    }
    for row in done.rows:
        if row["model"] in DOWNLOADED:
            assert row["metric"] is None and row["split"] == "golden"
            assert any(words in row["reason"] for words in ("not measured", "budget not checked")), row[
                "reason"
            ]
            assert "not found: tried" in row["reason"], row["reason"]
        else:
            assert row["metric"] is not None and row["split"] == "test"
            assert (row["status"] == "ok") == (row["reason"] is None)


def test_the_download_gives_up_within_ten_seconds(tmp_path, monkeypatch):
    from data import DatasetNotFound, load

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("EDGEPROOF_DATA", raising=False)
    monkeypatch.delenv("EDGEPROOF_UNREACHABLE", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    began = time.monotonic()
    for name in ("mnist", "fashion-mnist", "california-housing"):
        try:
            load(name)
        except DatasetNotFound as error:
            assert "tried" in str(error)
        else:
            raise AssertionError(f"{name} came from somewhere")
    assert time.monotonic() - began < 10
