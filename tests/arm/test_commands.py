"""The commands from an installed wheel, and the runtime's own tests, on the boards."""

import json
import re

import numpy as np
import pytest

from runtime.backends import no_wheel
from tests.arm.conftest import COMPARED, LEFT_OUT, NEW, ON_A_BOARD, WITH_PILLOW
from tests.arm.pictures import pixels
from tests.conftest import ROOT

# An engine that is not there, for want of a wheel where there is none for the board's Python.
MISSING = r"skipped .* (?:not installed|tflite-runtime has no wheel for Python 3\.13)"


@pytest.mark.parametrize("device", NEW)
def test_verify(runs, device):
    done = runs[f"{device} verify"]
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(" ok ", done.stdout)) == NEW[device].ok
    # Of a bundle that was made without tflite-runtime, its five files are not even tried on it.
    without = 5 if no_wheel("tflite-runtime") is None else 0
    assert len(re.findall(MISSING, done.stdout)) == NEW[device].skipped - 5 + without
    assert len(re.findall(f"tflite-runtime +{MISSING}", done.stdout)) == without


@pytest.mark.tflite_runtime
def test_verify_on_32_bits(runs):
    done = runs["pi4-32 verify"]
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"tflite-runtime +ok ", done.stdout)) == 5


@pytest.mark.parametrize("device", NEW)
def test_predict(runs, answers, device):
    done = runs[f"{device} predict"]
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    variant, engine = NEW[device].variant, NEW[device].engine
    assert (found["variant"], found["engine"]) == (variant, engine)
    expected = answers["x86"][f"mnist-cnn {variant} {engine} batch probabilities"][:4]
    for said, row in zip(found["predictions"], expected, strict=True):
        best = said["labels"][0]
        assert best["label"] == str(row.argmax())
        assert best["probability"] == pytest.approx(row.max(), abs=1 / 256 + 1e-6)


@pytest.mark.parametrize("device", WITH_PILLOW)
def test_pictures_become_the_same_pixels_to_the_last_bit(runs, device, work):
    done = runs[f"{device} pictures"]
    assert done.returncode == 0, done.stderr
    here, there = pixels(work / "pictures"), np.load(work / f"{device}-pictures.npz")
    assert len(here) == 54 and set(there.files) == set(here)
    assert [name for name, array in here.items() if not np.array_equal(there[name], array)] == []


def test_compare(runs):
    done = runs[f"{COMPARED} compare"]
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (
        sum(row["status"] == "ok" and row["latency_us_p50"] > 0 for row in found["rows"]) == NEW[COMPARED].ok
    )
    assert found["ship"]["file"]


def test_the_runtimes_own_tests_pass(runs):
    done = runs["pi5 tests"]
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed and int(passed[1]) >= 300
    assert "failed" not in done.stdout.splitlines()[-1]


def test_what_is_named_of_them_exists():
    for name in (*LEFT_OUT, *(name for name in ON_A_BOARD if "::" in name)):
        file, _, test = name.partition("::")
        assert f"def {test}" in (ROOT / "tests" / "runtime" / file).read_text()
