"""Bytes from anywhere raise an EdgeProofError or nothing; the campaign of the same name goes on for longer."""

import pytest

from runtime.errors import BundleError
from tests.campaigns import fuzz
from tests.campaigns.fuzz import Reader, changed_bytes


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    return fuzz.readers(tmp_path_factory.mktemp("fuzz"))


READERS = [
    "manifest.json", "manifest.json, its checksum right", "manifest.json, other values", "report.json",
    "a bundle's .zip", "a zip", "golden.npz", "golden.npz, its CRCs right", ".tflite", ".onnx", "input files",
]  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_only_edgeproof_errors_escape(readers, name):
    tries, refused = fuzz.fuzz(readers[name], 200)
    assert tries >= 100 and refused > 10


def test_every_reader_is_fuzzed(readers):
    assert list(readers) == READERS


@pytest.mark.parametrize("error", [ValueError("no"), BundleError("two\nlines")])
def test_the_campaign_sees_what_it_looks_for(error):
    def fail(content):
        if b"x" in content:
            raise error

    with pytest.raises((ValueError, AssertionError)):
        fuzz.fuzz(Reader(fail, changed_bytes([b"x" * 20])), 50)
