"""Recurrent layers as a loop over plain tensors: what it costs in time and size against the other ways to build them.

The other ways are a copy of the cell for each step (`unroll=True`) and Keras' own loop over TensorLists.
"""

import time
from contextlib import nullcontext
from dataclasses import dataclass
from statistics import median
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from export.formats import saved_model
from export.formats.format import Conversion
from export.formats.table import FORMATS
from export.formats.tracing import exportable
from export.targets import TARGETS
from runtime.backends import open_backend
from tests.export.formats.records import saved

pytestmark = pytest.mark.conversion
UNITS, STEPS, FEATURES = 32, 50, 8
SEQUENCES = np.random.default_rng(1).normal(size=(48, STEPS, FEATURES)).astype(np.float32)


def network(unroll=False, batch=None):
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((STEPS, FEATURES), name="x", batch_size=batch),
            layers.LSTM(UNITS, unroll=unroll),
            layers.Dense(2),
        ]
    )


@dataclass(frozen=True)
class Measured:
    """The file of one way, how long its conversion took, and a call of it with one row."""

    size: int
    seconds: float
    call: Any


def measured(folder, unroll, name):
    """As the export makes the file."""
    model = network(unroll)
    source, described = saved(model, folder)
    form = FORMATS[name]
    start = time.monotonic()
    saved_model.float32(Conversion(source, folder / "saved_model", described))
    form.converters["float32"](Conversion(folder / "saved_model", folder / "file", described))
    seconds = time.monotonic() - start
    backend = open_backend(TARGETS[f"{name}-float32"].engines[0], (folder / "file").read_bytes())
    (answers,) = backend.run({"x": SEQUENCES}).values()
    np.testing.assert_allclose(answers, model(SEQUENCES), atol=1e-5)
    row = {"x": SEQUENCES[:1]}
    return Measured((folder / "file").stat().st_size, seconds, lambda: backend.run(row))


def latencies(*calls):
    """The median of each, in microseconds: one after the other in turn, so that a busy machine slows all alike."""
    found = [[] for _ in calls]
    for _ in range(200):
        for call, times in zip(calls, found, strict=True):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    return [1e6 * median(times) for times in found]


@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_a_loop_is_smaller_and_sooner_there_than_a_copy_for_each_step_and_hardly_slower(name, tmp_path):
    """On two x86-64 cores, LiteRT: 28 kB and 66 µs against 153 kB and 47 µs."""
    loop = measured(tmp_path / "loop", unroll=False, name=name)
    copies = measured(tmp_path / "copies", unroll=True, name=name)
    of_loop, of_copies = latencies(loop.call, copies.call)
    print(
        f"{name}, {UNITS} units, {STEPS} steps: a loop {loop.size:,} bytes, {loop.seconds:.1f} s to convert, "
        f"{of_loop:.0f} µs; copies {copies.size:,} bytes, {copies.seconds:.1f} s, {of_copies:.0f} µs"
    )
    assert loop.size < copies.size / 2
    assert loop.seconds < copies.seconds
    assert of_loop < 2.5 * of_copies


def to_tflite(model, folder, rewritten):
    """The model with the batch of its input, converted with or without the rewrites of the export."""
    with exportable() if rewritten else nullcontext():
        module = tf.Module()
        module.used = [variable.value for variable in model.variables]
        taken = tf.TensorSpec(model.inputs[0].shape)
        module.serve = tf.function(lambda x: model(x, training=False), input_signature=[taken])
        tf.saved_model.save(module, str(folder), signatures=module.serve)
    return tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert()


def call_of(content):
    """A call of a file with one row, by the engine itself: its batch may be fixed."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()

    def call():
        interpreter.set_tensor(taken["index"], SEQUENCES[:1])
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    return call


def test_the_loop_costs_no_more_than_that_of_keras_which_is_for_a_fixed_batch(tmp_path):
    """On two x86-64 cores: 28 kB and 66 µs against 30 kB and 73 µs."""
    ours, own = (
        to_tflite(network(batch=1), tmp_path / str(rewritten), rewritten) for rewritten in (True, False)
    )
    calls = [call_of(ours), call_of(own)]
    np.testing.assert_allclose(calls[0](), calls[1](), atol=1e-5)
    of_ours, of_own = latencies(*calls)
    print(f"ours {len(ours):,} bytes, {of_ours:.0f} µs; Keras' own {len(own):,} bytes, {of_own:.0f} µs")
    assert len(ours) < 1.1 * len(own)
    assert of_ours < 1.3 * of_own
    with pytest.raises(Exception, match="element_shape to be static"):
        to_tflite(network(), tmp_path / "any", rewritten=False)


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
