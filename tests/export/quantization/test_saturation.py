"""Which ranges end where an exponential is rounded to zero, and where that is."""

import math

import pytest
from onnx import helper

from export.quantization.saturation import clip, in_onnx, in_tflite
from tests.export.quantization.test_select_branches import ONE, X, selu, tensor

RANGES = {
    "x": (-25.8, 21.1),
    "scaled": (0.1, 22.2),
    "exp": (0.0, 1.0),
    "less": (-1.0, 0.0),
    "y": (-1.0, 21.1),
}


@pytest.mark.parametrize("bits", [8, 16])
def test_below_the_clip_every_exponential_is_rounded_to_zero_and_above_it_none(bits):
    lowest, high = clip({"x": (-25.8, 21.1)}, {"x"}, bits)["x"]
    step = 1 / (2**bits - 1)
    assert round(math.exp(lowest - 1e-6) / step) == 0
    assert round(math.exp(lowest + 1e-6) / step) == 1
    assert high == 21.1


def test_only_the_named_tensors_are_clipped_and_none_that_lies_below_altogether():
    ranges = {"other": (-25.8, 21.1), "x": (-3.0, 2.0), "low": (-30.0, -20.0)}
    assert clip(ranges, {"x", "low"}, 8) == ranges


def test_selu_of_tflite():
    assert in_tflite(selu(tensor("exp", 1, 4)), RANGES) == {"x"}


def test_elu_of_tflite():
    assert in_tflite([("ELU", [X], [tensor("y", 1, 4)])], RANGES) == {"x"}


@pytest.mark.parametrize(
    "other_use",
    [
        ("ADD", [X, ONE], [tensor("y", 1, 4)]),  # takes the low values as they are
        ("GREATER", [X, tensor("minus ten")], [tensor("far", 1, 4)]),  # may tell -9 from -11
    ],
)
def test_another_use_of_x_keeps_its_range(other_use):
    assert in_tflite(selu(tensor("exp", 1, 4), [other_use]), RANGES) == set()


def test_a_comparison_with_less_than_zero_keeps_the_range():
    assert in_tflite(selu(tensor("exp", 1, 4)), RANGES | {"scaled": (-10.0, 22.2)}) == set()


def test_onnx():
    nodes = [
        helper.make_node("Gemm", ["image", "w"], ["a"]),
        helper.make_node("Selu", ["a"], ["b"]),
        helper.make_node("Gemm", ["b", "w"], ["c"]),
        helper.make_node("Elu", ["c"], ["d"]),
        helper.make_node("Add", ["c", "d"], ["e"]),
    ]
    assert in_onnx(nodes) == {"a"}
