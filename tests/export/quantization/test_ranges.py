"""Activation ranges recorded earlier are used again, unless they are of another model or of other samples."""

import shutil
from dataclasses import replace

import pytest

from data.original import read_original
from data.trained_model import Source
from export.quantization import ranges
from runtime.bundle.manifest import InputRecord
from tests.conftest import ROOT

MODEL = "diabetes-mlp"  # its dataset comes with scikit-learn


@pytest.fixture
def trained(tmp_path):
    folder = tmp_path / MODEL
    shutil.copytree(ROOT / "artifacts" / MODEL, folder, ignore=shutil.ignore_patterns("bundle"))
    return read_original(folder)


def measured(trained, exported):
    float32 = exported.out / MODEL / "bundle" / "tflite-float32.tflite"
    return ranges.ranges(trained, "tflite", float32, None)


def record(trained, **changes):
    entries = ranges.read(trained.folder)
    entries["tflite"] |= changes
    ranges.write(trained.folder, entries)
    return entries["tflite"]


def test_recorded_ranges_are_used_again(trained, exported):
    name = next(iter(ranges.read(trained.folder)["tflite"]["ranges"]))
    moved = ranges.read(trained.folder)["tflite"]["ranges"] | {name: [-1e6, 1e6]}
    recorded = record(trained, ranges=moved)
    assert measured(trained, exported) == recorded


@pytest.mark.parametrize("changes", [{"samples": 512}, {"sha256": {"model.keras": "0", "golden.npz": "0"}}])
def test_those_of_other_samples_or_another_model_are_measured_again(trained, exported, changes):
    before = ranges.read(trained.folder)["tflite"]
    name = next(iter(before["ranges"]))
    record(trained, ranges=before["ranges"] | {name: [-1e6, 1e6]}, **changes)
    found = measured(trained, exported)
    assert found["ranges"][name] == pytest.approx(before["ranges"][name], rel=1e-4)
    assert found["samples"] == ranges.MOST_SAMPLES["table"]


def taken(kind, *shape):
    return InputRecord(kind, "x", shape, "float")


@pytest.mark.parametrize(
    ("inputs", "wanted"),
    [
        ([taken("table", 8)], 8192),
        ([taken("image", 28, 28, 1)], 512),
        ([taken("table", 8), taken("sequence", 40)], 512),
        ([taken("sequence", 16000, 64)], 131),
        ([taken("tensor", 4096, 4096)], 64),
        ([taken("tensor")], 512),
    ],
)
def test_how_many_samples_are_looked_at(inputs, wanted):
    assert ranges.samples_wanted(inputs) == wanted


def test_what_the_user_gave_counts_among_what_ranges_are_made_from(trained):
    sha256 = {"saved_model/a": "1", "saved_model/b/c": "2", "golden.npz": "3", "samples.npz": "4", "x": "5"}
    record = replace(trained.record, source=Source(file="saved_model"), sha256=sha256)
    assert set(ranges._made_from(record)) == {"saved_model/a", "saved_model/b/c", "golden.npz", "samples.npz"}
