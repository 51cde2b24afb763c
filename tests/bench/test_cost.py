"""What an export takes is measured over all of its processes; the figures are no business of tests."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench import cost
from bench.__main__ import main
from export.trained.search import find_original, search_roots
from runtime.errors import UsageError

HOLDS_64_MIB = "block = bytearray(64 << 20); block[::4096] = bytes(len(block[::4096])); print(); input()"
HAS_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLDS_64_MIB!r}])"


def test_memory_is_that_of_all_descendants():
    command = [sys.executable, "-c", HAS_A_CHILD]
    with psutil.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert 64 << 20 < cost.held(process) < 128 << 20
        process.communicate(b"\n")
    assert cost.held(process) == 0  # it has ended


@pytest.mark.conversion
def test_an_export_is_measured():
    original = find_original("diabetes-mlp", search_roots(Path("artifacts")))
    found = cost.measure(original, ["--targets", "onnx-float32", "--jobs", "1"])
    assert (found.rows, found.failed) == (1, 0)
    assert found.seconds > 0 and found.peak_bytes > 100 << 20 and found.bundle_bytes > 1000


def test_a_row_for_each_model_the_smallest_first(capsys, monkeypatch):
    asked = []

    def measure(original, options):
        asked.append((original.name, *options))
        return cost.Cost(12.3, 456 << 20, 15, len(asked) - 1, 7 << 20)

    monkeypatch.setattr(cost, "measure", measure)
    assert (
        main(["cost", "digits-cnn", "diabetes-mlp", "--targets", "onnx-int8"]) == 1
    )  # the second has a failed row
    assert asked == [(name, "--targets", "onnx-int8") for name in ("diabetes-mlp", "digits-cnn")]
    header, _, *rows, _, _ = capsys.readouterr().out.splitlines()
    assert header.split()[:4] == ["model", "parameters", "rows", "failed"]
    assert [row.split() for row in rows] == [
        ["diabetes-mlp", "406", "15", "0", "12", "456", "0.03", "7.00"],
        ["digits-cnn", "35,914", "15", "1", "12", "456", "0.17", "7.00"],
    ]


def test_an_unknown_model_is_refused():
    with pytest.raises(UsageError, match="unknown model 'nothing'"):
        main(["cost", "nothing"])
