"""What the export reads inside of an .onnx file is what a device computes there."""

import numpy as np
import onnx
import pytest

from export.formats import onnxruntime
from tests.runtime.backends.test_x64_precision import INPUTS, STATIC, STEP, error_of, quantized, shaped


@pytest.mark.parametrize("op", STATIC)
def test_large_sums_inside_a_file_do_not_overflow(op):
    model = onnx.load_from_string(quantized(op, np.uint8))
    (found,) = onnxruntime.answers(model, {"x": shaped(op, INPUTS)}, ["y"]).values()
    assert error_of(found) <= STEP / 2
