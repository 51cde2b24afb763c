"""Where datasets come from: order, damage, and giving up in time."""

import hashlib
import http.server
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

import data
from data import sources
from runtime.errors import DataError, UsageError

CONTENT = b"the original file"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(nowhere, monkeypatch):
    """A host on this machine that sends CONTENT for /good and another file for /bad."""
    monkeypatch.delenv(sources.UNREACHABLE_VARIABLE)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = {"/good": CONTENT, "/bad": b"something else"}.get(self.path)
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as host:
        threading.Thread(target=host.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{host.server_port}"
        host.shutdown()


@pytest.fixture
def silent_host(nowhere, monkeypatch):
    """A host that takes connections and never says a word."""
    monkeypatch.delenv(sources.UNREACHABLE_VARIABLE)
    monkeypatch.setattr(sources, "GIVE_UP_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/file"


def test_unknown_dataset_lists_the_known_ones():
    with pytest.raises(
        UsageError,
        match=r"unknown dataset 'minst'; known: mnist, fashion-mnist, mnist-rebuilt, cifar-10-images",
    ):
        data.load("minst")


def test_nowhere_says_everything_that_was_tried(nowhere, monkeypatch):
    monkeypatch.setenv(sources.DATA_VARIABLE, str(nowhere / "no-such-folder"))
    with pytest.raises(data.DatasetNotFound) as caught:
        data.load("mnist")
    message = str(caught.value)
    assert message.startswith("mnist not found: tried EDGEPROOF_DATA=")
    assert "no-such-folder" in message
    assert f"cache {nowhere / 'cache' / 'edgeproof'}" in message
    assert "download from storage.googleapis.com" in message
    assert message.endswith("to a folder that holds mnist/")
    assert "\n" not in message


def test_california_nowhere_names_the_download_too(nowhere):
    with pytest.raises(
        data.DatasetNotFound, match=r"cache .*; download from ndownloader.figshare.com .*; set "
    ):
        data.load("california-housing")


def test_a_data_folder_that_does_not_exist_is_refused(nowhere):
    with pytest.raises(DataError, match=r"missing' is not a folder"):
        data.load("mnist", nowhere / "missing")


def test_argument_goes_before_the_environment(small_mnist, monkeypatch):
    monkeypatch.setenv(sources.DATA_VARIABLE, "/no-such-folder")
    assert len(data.load("mnist", small_mnist).test) == 10


def test_the_cache_is_the_second_place(small_mnist, nowhere):
    (nowhere / "cache").mkdir()
    small_mnist.rename(nowhere / "cache" / "edgeproof")
    assert len(data.load("mnist").test) == 10


@pytest.mark.parametrize("damage", ["truncated", "one bit", "empty"])
def test_a_damaged_file_is_refused_by_name(small_mnist, damage):
    path = small_mnist / "mnist" / "train-images-idx3-ubyte.gz"
    content = bytearray(path.read_bytes())
    if damage == "one bit":
        content[1000] ^= 1
    else:
        del content[len(content) // 2 if damage == "truncated" else 0 :]
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=r"train-images-idx3-ubyte.gz: damaged, truncated or not the original"
    ):
        data.load("mnist", small_mnist)
    assert path.read_bytes() == content  # refused, not repaired


def test_a_damaged_file_is_not_taken_for_a_missing_dataset(small_mnist):
    (small_mnist / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        data.load("mnist", small_mnist)
    assert not isinstance(caught.value, data.DatasetNotFound)


def test_download_keeps_a_file_whose_hash_is_right(server, tmp_path):
    assert sources.download(tmp_path, "file", DIGEST, f"{server}/good") is None
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_download_refuses_a_file_whose_hash_is_wrong(server, tmp_path):
    with pytest.raises(DataError, match=r"/bad: what was downloaded is not the original"):
        sources.download(tmp_path, "file", DIGEST, f"{server}/bad")
    assert list(tmp_path.glob("*file*")) == []


def test_where_only_an_md5_is_known_it_is_what_counts(server, tmp_path):
    digest = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
    assert sources.download(tmp_path, "file", digest, f"{server}/good") is None
    assert (tmp_path / "file").read_bytes() == CONTENT
    with pytest.raises(
        DataError, match=r"/bad: what was downloaded is not the original file \(MD5 differs\)"
    ):
        sources.download(tmp_path, "other", digest, f"{server}/bad")
    assert not (tmp_path / "other").exists()


def test_download_reports_a_refusal(server, tmp_path):
    assert "HTTP status 404" in sources.download(tmp_path, "file", DIGEST, f"{server}/nothing")


def test_a_silent_host_is_given_up_and_remembered(silent_host, tmp_path):
    began = time.monotonic()
    assert "no answer" in sources.download(tmp_path, "file", DIGEST, silent_host)
    assert time.monotonic() - began < 2
    began = time.monotonic()
    assert "earlier in this run" in sources.download(tmp_path, "file", DIGEST, silent_host)
    assert time.monotonic() - began < 0.1


def test_children_know_that_a_host_was_given_up(silent_host, tmp_path):
    sources.download(tmp_path, "file", DIGEST, silent_host)
    code = "import sys, pathlib, data.sources as s; print(s.download(pathlib.Path(), 'f', '', sys.argv[1]))"
    command = [sys.executable, "-c", code, silent_host]
    child = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    assert "earlier in this run" in child.stdout


def test_a_name_server_that_does_not_answer_is_given_up(nowhere, monkeypatch):
    monkeypatch.delenv(sources.UNREACHABLE_VARIABLE)
    monkeypatch.setattr(sources, "GIVE_UP_SECONDS", 0.5)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(30) or [])
    began = time.monotonic()
    with pytest.raises(data.DatasetNotFound, match="no answer within"):
        data.load("mnist")
    assert time.monotonic() - began < 3


def test_all_hosts_together_are_given_up_within_ten_seconds():
    from data import california, mnist

    hosts = {url.split("/")[2] for url in (*mnist._URL.values(), california._URL)}
    assert len(hosts) * sources.GIVE_UP_SECONDS < 10
