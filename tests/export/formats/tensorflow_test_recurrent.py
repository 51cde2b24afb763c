"""Recurrent layers as a loop over plain tensors: what it costs in time and size against a copy of the cell per step."""

import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from export.formats import saved_model
from export.formats.format import Conversion
from export.formats.table import FORMATS
from export.targets import TARGETS
from runtime.backends import open_backend
from tests.export.formats.records import saved

pytestmark = pytest.mark.conversion
STEPS, FEATURES = 60, 8
SEQUENCES = np.random.default_rng(1).normal(size=(48, STEPS, FEATURES)).astype(np.float32)


def network(unroll):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((STEPS, FEATURES), name="x"), layers.LSTM(16, unroll=unroll), layers.Dense(2)]
    )


@dataclass(frozen=True)
class Measured:
    """The file of one way, how long its conversion took, and a call of it with one row."""

    size: int
    seconds: float
    call: Any
    answers: np.ndarray


def measured(folder, unroll, name):
    source, described = saved(network(unroll), folder)
    form = FORMATS[name]
    start = time.monotonic()
    saved_model.float32(Conversion(source, folder / "saved_model", described))
    form.converters["float32"](Conversion(folder / "saved_model", folder / "file", described))
    seconds = time.monotonic() - start
    backend = open_backend(TARGETS[f"{name}-float32"].engines[0], (folder / "file").read_bytes())
    (answers,) = backend.run({"x": SEQUENCES}).values()
    row = {"x": SEQUENCES[:1]}
    return Measured((folder / "file").stat().st_size, seconds, lambda: backend.run(row), answers)


def latencies(*calls):
    """The median of each, in seconds: one after the other in turn, so that a busy machine slows all alike."""
    found = [[] for _ in calls]
    for _ in range(40):
        for call, times in zip(calls, found, strict=True):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return [median(times) for times in found]


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_a_loop_is_smaller_and_sooner_there_than_a_copy_for_each_step_and_hardly_slower(name, tmp_path):
    loop = measured(tmp_path / "loop", unroll=False, name=name)
    copies = measured(tmp_path / "copies", unroll=True, name=name)
    np.testing.assert_allclose(loop.answers, copies.answers, atol=1e-5)
    of_loop, of_copies = latencies(loop.call, copies.call)
    print(
        f"{name}, {STEPS} steps: a loop {loop.size:,} bytes, {loop.seconds:.1f} s to convert, {of_loop * 1e6:.0f} µs; "
        f"copies {copies.size:,} bytes, {copies.seconds:.1f} s, {of_copies * 1e6:.0f} µs"
    )
    assert loop.size < copies.size / 2
    assert loop.seconds < copies.seconds
    assert of_loop < 4 * of_copies


LIMITS = {"float16": 5e-3, "dynamic": 0.05, "int8": 0.1, "int16x8": 0.03}


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A model of words with masks and loops in both directions; its folder, record, feeds and Keras' answers."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((12,), dtype="int32", name="words"),
            layers.Embedding(60, 32, mask_zero=True),
            layers.Bidirectional(layers.GRU(24, return_sequences=True)),
            layers.LSTM(16),
            layers.Dense(2),
        ]
    )
    folder = tmp_path_factory.mktemp("texts")
    source, described = saved(model, folder)
    saved_model.float32(Conversion(source, folder / "saved_model", described))
    for name in ("tflite", "onnx"):
        form = FORMATS[name]
        file = folder / f"{name}{form.suffix}"
        form.converters["float32"](Conversion(folder / "saved_model", file, described))
    words = np.random.default_rng(1).integers(1, 60, (48, 12)).astype(np.int32)
    words[:16, 8:] = 0
    return folder, described, {"words": words}, np.asarray(model(words))


@pytest.mark.parametrize(
    "target", [t for t in TARGETS.values() if t.scheme in LIMITS], ids=lambda target: target.name
)
def test_few_bits_reach_into_loops(texts, target, tmp_path):
    folder, described, feeds, wanted = texts
    form = FORMATS[target.format]
    source = folder / f"{target.format}{form.suffix}"
    ranges = form.calibration.record_ranges(source, feeds) if target.calibrated else None
    if ranges:
        assert form.calibration.activations(source) <= set(ranges)
    file = tmp_path / "file"
    notes = form.converters[target.scheme](Conversion(source, file, described, ranges))
    form.prove(file, target.scheme)
    assert file.stat().st_size < 0.8 * source.stat().st_size
    assert any("loop" in note for note in notes) == target.calibrated
    backend = open_backend(target.engines[0], file.read_bytes())
    for rows in (48, 1, 3, 3):
        (found,) = backend.run({"words": feeds["words"][:rows]}).values()
        assert np.abs(found - wanted[:rows]).max() <= LIMITS[target.scheme] * np.abs(wanted).max()
