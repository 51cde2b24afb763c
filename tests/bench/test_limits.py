"""The table of what engines can run, against the engines installed here."""

import pytest

from bench.limits import onnx_limits, tflite_limits
from runtime.backends import engine_version
from runtime.requirements.engine_limits import NEWEST, ONNX, TFLITE


def release(engine):
    major, minor = engine_version(engine).split(".")[:2]
    return int(major), int(minor)


@pytest.mark.parametrize("engine", TFLITE)
def test_the_row_of_the_installed_tflite_engine_is_what_it_says_itself(engine):
    assert tflite_limits(engine) == TFLITE[engine][release(engine)]


def test_the_row_of_the_installed_onnxruntime_is_what_it_says_itself():
    here = release("onnxruntime")
    assert onnx_limits() == ONNX[max(key for key in ONNX if key <= here)]


def test_the_newest_releases_are_in_the_table():
    assert all(NEWEST[engine] == max(TFLITE[engine]) for engine in TFLITE)
    assert NEWEST["onnxruntime"] >= max(ONNX)
