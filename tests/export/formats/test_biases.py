"""The biases of int8 files: found, worth what they say, and written without a change of anything else."""

import numpy as np
import pytest

from data.original import read_original
from export.diagnosis.diagnose import reader_of
from export.formats import onnx_biases, tflite_biases
from export.formats.table import FORMATS
from runtime.backends import open_backend
from tests.conftest import ROOT

BIASES = {"tflite": (tflite_biases, "litert"), "onnx": (onnx_biases, "onnxruntime")}

ROWS = {"rows": read_original(ROOT / "artifacts" / "diabetes-mlp").golden()[0]["rows"].astype(np.float32)}


@pytest.fixture(params=list(BIASES))
def files(request, exported):
    """The functions of a format, its engine, and a model's float32 and int8 files."""
    folder = exported.out / "diabetes-mlp" / "bundle"
    suffix = FORMATS[request.param].suffix
    contents = [(folder / f"{request.param}-{scheme}{suffix}").read_bytes() for scheme in ("float32", "int8")]
    return (*BIASES[request.param], *contents)


def answers(engine, content):
    (found,) = open_backend(engine, content).run(ROWS).values()
    return found


def test_each_op_with_weights_has_one_and_writing_it_again_changes_no_answer(files):
    module, engine, reference, quantized = files
    found = module.biases(reference, quantized)
    assert len(found) == 2
    same = module.with_biases(quantized, {bias.name: bias.values for bias in found})
    np.testing.assert_array_equal(answers(engine, same), answers(engine, quantized))
    assert len(same) == len(quantized)


def test_a_step_of_the_last_bias_is_worth_what_it_says(files):
    module, engine, reference, quantized = files
    last = module.biases(reference, quantized)[-1]
    made = reader_of(module.__name__.rsplit(".")[-1].split("_")[0], quantized).values(ROWS, [last.made])
    many = int(np.std(made[last.made]) / 2 / last.steps[0])
    moved = module.with_biases(quantized, {last.name: last.values + np.int32(many)})
    change = answers(engine, moved) - answers(engine, quantized)
    # Half the spread of what the layer makes is half the spread of the answers, in whatever units these are.
    wanted = np.std(answers(engine, quantized)) / 2
    assert abs(np.mean(change) - wanted) < 0.1 * wanted
    (again,) = (bias for bias in module.biases(reference, moved) if bias.name == last.name)
    np.testing.assert_array_equal(again.values, last.values + many)
