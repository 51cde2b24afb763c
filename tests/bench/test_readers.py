"""What readers cost and refuse is measured on files that are what they are called; figures are no business of tests."""

import os
import signal

import pytest

from bench import refusals
from bench.__main__ import main
from bench.tiny_files import tflite_with_options, tflite_with_sparse_weights
from runtime.bundle.install import install
from runtime.bundle.reader import open_bundle
from runtime.errors import UsageError
from tests import bundles
from tests.bundles import MODELS


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return bundles.image_bundle(tmp_path_factory.mktemp("readers") / "tiny")


def test_every_reader_and_engine_has_its_rows(bundle, capsys):
    assert main(["readers", str(bundle), "--scheme", "dynamic", "--rounds", "1", "--damaged", "1"]) == 0
    printed = capsys.readouterr().out
    for words in (
        "zipfile",
        "numpy.load",
        "LiteRT's schema",
        "the package onnx",
        "a bomb",
        "let through",
        "sparsity",
    ):
        assert words in printed
    with pytest.raises(UsageError, match="no variant 'onnx-int8'; this bundle has: tflite-float32"):
        main(["readers", str(bundle)])


def test_a_sound_archive_is_taken_by_both_readers(bundle, tmp_path):
    install(open_bundle(bundle), tmp_path / "bundle.zip")
    content = (tmp_path / "bundle.zip").read_bytes()
    assert refusals._ours_takes(content) and refusals._zipfile_takes(content)
    at = (
        content.index(b"manifest.json") - 20
    )  # the day of the first member: no reader needs it, ours compares it
    other_day = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    assert not refusals._ours_takes(other_day) and refusals._zipfile_takes(other_day)


@pytest.mark.parametrize("engine", ["litert", "tflite-runtime"])
@pytest.mark.parametrize(
    "content", [tflite_with_options(), tflite_with_sparse_weights()], ids=["options", "sparse"]
)
def test_the_files_made_by_hand_are_sound(engine, content):
    assert refusals.outcome(engine, content) == "answers" and refusals._taken(content, "tflite")


def test_an_engine_that_ends_its_process_is_seen(monkeypatch):
    content = (MODELS / "image-float32.tflite").read_bytes()
    assert refusals.outcome("litert", b"no model") == "error"
    monkeypatch.setattr(refusals, "_answer", lambda engine, content: os.kill(os.getpid(), signal.SIGSEGV))
    assert refusals.outcome("litert", content) == "ends"


def test_each_part_that_is_left_out_lets_something_through():
    table = refusals.part_table((MODELS / "image-float32.tflite").read_bytes(), ["litert"], 150)
    rows = [line.rsplit(maxsplit=5) for line in table.splitlines()[4:]]
    assert [row[0] for row in rows] == list(refusals.PARTS) and all(int(row[2]) for row in rows), table
