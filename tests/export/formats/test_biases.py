"""The biases of int8 files: found, worth what they say, and written without a change of anything else."""

import numpy as np
import pytest

from data.original import read_original
from export.formats import onnx_biases, tflite_biases
from export.formats.table import FORMATS
from runtime.backends import open_backend
from tests.conftest import ROOT

BIASES = {"tflite": (tflite_biases, "litert"), "onnx": (onnx_biases, "onnxruntime")}


@pytest.fixture(params=list(BIASES))
def files(request, exported):
    """The functions of a format, its engine, and a model's float32 and int8 files."""
    folder = exported.out / "diabetes-mlp" / "bundle"
    suffix = FORMATS[request.param].suffix
    contents = [(folder / f"{request.param}-{scheme}{suffix}").read_bytes() for scheme in ("float32", "int8")]
    return (*BIASES[request.param], *contents)


def answers(engine, content):
    rows = read_original(ROOT / "artifacts" / "diabetes-mlp").golden()[0]["rows"].astype(np.float32)
    (found,) = open_backend(engine, content).run({"rows": rows}).values()
    return found


def test_each_op_with_weights_has_one_and_writing_it_again_changes_no_answer(files):
    module, engine, reference, quantized = files
    found = module.biases(reference, quantized)
    assert len(found) == 2
    same = module.with_biases(quantized, {bias.name: bias.values for bias in found})
    np.testing.assert_array_equal(answers(engine, same), answers(engine, quantized))


def test_a_step_of_the_last_bias_is_worth_what_it_says(files):
    module, engine, reference, quantized = files
    last = module.biases(reference, quantized)[-1]
    many = int(0.1 / last.steps[0])
    moved = module.with_biases(quantized, {last.name: last.values + np.int32(many)})
    change = answers(engine, moved) - answers(engine, quantized)
    # Behind the last layer values are scaled to the labels' units; what differs is by one step of the output.
    assert np.std(change) < 0.2 * abs(np.mean(change))
    (again,) = (bias for bias in module.biases(reference, moved) if bias.name == last.name)
    np.testing.assert_array_equal(again.values, last.values + many)
