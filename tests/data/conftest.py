"""Fixtures: an empty world (no data folder, no cache, no network) and a small MNIST in the original format."""

import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

import data.mnist
import data.sources


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No data folder, an empty cache, and hosts that were given up already."""
    monkeypatch.delenv(data.sources.DATA_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv(data.sources.UNREACHABLE_VARIABLE, "storage.googleapis.com ndownloader.figshare.com")
    return tmp_path


def idx(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes, gzipped."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return gzip.compress(header + array.tobytes(), compresslevel=1, mtime=0)


@pytest.fixture
def small_mnist(nowhere, monkeypatch):
    """A data folder with 5,010 training and 10 test images; their hashes are the known ones."""
    folder = nowhere / "datasets"
    (folder / "mnist").mkdir(parents=True)
    random = np.random.default_rng(0)
    known = {}
    for name in data.mnist.SHA256["mnist"]:
        count = 10 if name.startswith("t10k") else 5010
        shape = (count, 28, 28) if "images" in name else (count,)
        content = idx(random.integers(0, 10, shape, dtype=np.uint8))
        (folder / "mnist" / name).write_bytes(content)
        known[name] = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(data.mnist.SHA256, "mnist", known)
    return folder


@pytest.fixture
def real_data() -> Path:
    """The folder with the original datasets; the test is skipped, with the reason, where there is none."""
    folder = os.environ.get(data.sources.DATA_VARIABLE)
    if not folder or not Path(folder).is_dir():
        pytest.skip("EDGEPROOF_DATA names no folder: the original datasets are not there to be checked")
    return Path(folder)
