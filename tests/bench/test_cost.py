"""What an export takes is measured over all of its processes; the figures are no business of tests."""

import subprocess
import sys

import psutil
import pytest

from bench import cost
from bench.__main__ import main
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
def test_a_row_for_each_model_the_smallest_first(capfd):
    assert main(["cost", "digits-cnn", "diabetes-mlp", "--targets", "onnx-float32,onnx-dynamic"]) == 0
    header, _, *rows, _, _ = capfd.readouterr().out.splitlines()
    assert header.split()[:4] == ["model", "parameters", "rows", "failed"]
    cells = [row.split() for row in rows]
    assert [row[0] for row in cells] == ["diabetes-mlp", "digits-cnn"]
    for row in cells:
        assert row[2:4] == ["2", "0"]
        assert float(row[4].replace(",", "")) > 0 and float(row[5].replace(",", "")) > 100
        assert float(row[7]) > 0


def test_an_unknown_model_is_refused():
    with pytest.raises(UsageError, match="unknown model 'nothing'"):
        main(["cost", "nothing"])
