"""Inputs and outputs of every dtype: bytes, long and short whole numbers, half floats and bool, in every scheme."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from export.formats.saved_model import SavedModelBackend
from export.formats.table import FORMATS
from export.targets import PLAIN
from runtime.backends import open_backend
from tests.export.formats.converted import BUILT, LIMITS, file_of, float32_files

pytestmark = pytest.mark.conversion
# By dtype of the model, that of the files: engines compute no half floats, and no short whole numbers but bytes.
EDGE = {
    "uint8": "uint8", "int8": "int32", "int16": "int32", "int32": "int32", "int64": "int64", "bool": "bool",
    "float16": "float32",
}  # fmt: skip


def build():
    """Every input goes through as an output of its own dtype, and into a layer whose answer is one too."""
    keras.utils.set_random_seed(1)
    taken = [keras.Input((4,), dtype=dtype, name=dtype) for dtype in EDGE]
    joined = layers.Concatenate()([ops.cast(each, "float32") / 16 for each in taken])
    answer = layers.Dense(3)(layers.Dense(32, activation="relu")(joined))
    # The layer's answer goes on to an op that no engine quantizes: to half floats.
    made = {"answer": answer, "half": ops.cast(answer, "float16")}
    made |= {f"same_{each.name}": each for each in taken}
    for each in taken:
        if each.name == "bool":
            made["other_bool"] = ops.logical_not(each)
        elif each.name != "float16":
            made[f"other_{each.name}"] = ops.cast(1 + ops.cast(each, "int32"), each.name)
    return keras.Model(taken, made)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder with the SavedModel and the float32 files, the record, the feeds and the answers."""
    folder = tmp_path_factory.mktemp("dtypes")
    described = float32_files(build(), folder)
    random = np.random.default_rng(1)
    feeds = {
        name: random.normal(size=(40, 4)).astype(np.float32)
        if edge == "float32"
        else random.integers(0, 2 if name == "bool" else 100, (40, 4)).astype(edge)
        for name, edge in EDGE.items()
    }
    return folder, described, feeds, SavedModelBackend(folder / "saved_model").run(feeds)


@pytest.mark.parametrize("target", BUILT, ids=lambda target: target.name)
def test_every_dtype_comes_in_and_goes_out(made, target, tmp_path):
    folder, described, feeds, wanted = made
    file = file_of(target, folder, described, feeds, tmp_path)
    backend = open_backend(target.engines[0], file.read_bytes())
    assert {name: spec.dtype for name, spec in backend.inputs.items()} == EDGE
    answers = backend.run(feeds)
    assert set(answers) == set(wanted) and len(wanted) == 15
    for name, values in wanted.items():
        assert answers[name].dtype == values.dtype and answers[name].shape == values.shape, name
        # Of whole numbers nothing is rounded; halves are rounded in the same places, to 11 bits.
        limit = 0 if values.dtype.kind != "f" else LIMITS[target.scheme] * max(1, np.abs(values).max())
        error = np.abs(answers[name].astype(float) - values.astype(float)).max()
        assert error <= limit, name


def test_what_goes_through_half_floats_is_rounded_as_in_the_original(made):
    """tf2onnx drops a cast before another one, and with it the rounding."""
    folder, _, feeds, wanted = made
    assert np.array_equal(wanted["half"], wanted["answer"].astype(np.float16).astype(np.float32))
    for target in (PLAIN["tflite-float32"], PLAIN["onnx-float32"]):
        file = folder / f"{target.name}{FORMATS[target.format].suffix}"
        half = open_backend(target.engines[0], file.read_bytes()).run(feeds)["half"]
        assert np.array_equal(half, half.astype(np.float16).astype(np.float32)), target.name
