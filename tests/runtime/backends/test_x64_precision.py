"""On x86-64 without VNNI, ONNX Runtime's default kernels overflow on int8 weights; the runtime takes exact ones."""

import os
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, checker, helper, numpy_helper

from runtime import backends

ROWS, WIDTH, COLUMNS = 3, 64, 4
# QDQ pairs become QLinearMatMul, QGemm and QLinearConv; the others become DynamicQuantizeMatMul or stay as they are.
STATIC = ("MatMul", "Gemm", "Conv")
KINDS = [(op, dtype) for op in STATIC for dtype in (np.uint8, np.int8)]
KINDS += [("MatMulInteger", np.uint8), ("ConvInteger", np.uint8)]
# ConvInteger was right without the option on the AVX2 machine where the others were seen to overflow.
OVERFLOWING = [kind for kind in KINDS if kind[0] != "ConvInteger"]
# Two products of 255 and 127 make 64,770: the kernels add pairs in int16, which ends at 32,767.
WEIGHTS = np.stack(
    [np.full(WIDTH, 127), np.full(WIDTH, -127), np.where(np.arange(WIDTH) % 2, 127, 126), np.full(WIDTH, 5)],
    1,
).astype(np.int8)
INPUTS = np.concatenate([np.zeros((ROWS, 1)), np.full((ROWS, WIDTH - 1), 255)], 1).astype(np.float32)
EXPECTED = INPUTS @ WEIGHTS.astype(np.float32)
STEP = 1 << 15  # of a static file's outputs, which are 8 bits
ids = [f"{op}-{np.dtype(dtype)}" for op, dtype in KINDS]


def quantized(op, dtype):
    """An .onnx file of one op on 8-bit activations of `dtype` and int8 weights near ±127."""
    convolution = op.startswith("Conv")
    middle = 0 if dtype is np.int8 else 128
    values = {
        "w": WEIGHTS.T.reshape(COLUMNS, WIDTH, 1, 1) if convolution else WEIGHTS,
        "w_zero": np.int8(0), "one": np.float32(1), "x_zero": dtype(middle - 128),
        "y_step": np.float32(STEP), "y_zero": dtype(middle),
    }  # fmt: skip
    node = helper.make_node
    if op in STATIC:
        nodes = [
            node("QuantizeLinear", ["x", "one", "x_zero"], ["x8"]),
            node("DequantizeLinear", ["x8", "one", "x_zero"], ["x32"]),
            node("DequantizeLinear", ["w", "one", "w_zero"], ["w32"]),
            node(op, ["x32", "w32"], ["sum"]),
            node("QuantizeLinear", ["sum", "y_step", "y_zero"], ["y8"]),
            node("DequantizeLinear", ["y8", "y_step", "y_zero"], ["y"]),
        ]
    else:
        nodes = [
            node("DynamicQuantizeLinear", ["x"], ["x8", "scale", "zero"]),
            node(op, ["x8", "w", "zero", "w_zero"], ["sum"]),
            node("Cast", ["sum"], ["sum32"], to=TensorProto.FLOAT),
            node("Mul", ["sum32", "scale"], ["y"]),
        ]
    used = {name for each in nodes for name in each.input}
    behind = (1, 1) if convolution else ()
    graph = helper.make_graph(
        nodes,
        op,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", WIDTH, *behind])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", COLUMNS, *behind])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in values.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model.SerializeToString()


def overflows_here():
    """Whether this processor is one whose kernels overflow: x86-64 with AVX2 or AVX-512 and without VNNI."""
    text = Path("/proc/cpuinfo").read_text()
    return os.uname().machine == "x86_64" and "avx2" in text and "vnni" not in text


def error_of(answers):
    return np.abs(answers.reshape(-1, COLUMNS) - EXPECTED[: len(answers)]).max()


def shaped(op, rows):
    return rows.reshape(*rows.shape, 1, 1) if op.startswith("Conv") else rows


@pytest.mark.parametrize(("op", "dtype"), KINDS, ids=ids)
def test_large_weights_and_inputs_are_summed_exactly(op, dtype):
    backend = backends.open_backend("onnxruntime", quantized(op, dtype))
    for rows in (INPUTS, INPUTS[:1]):
        # Half a step is what rounding the output to 8 bits may take; the dynamic files have float outputs.
        assert error_of(backend.infer({"x": shaped(op, rows)})["y"]) <= (STEP / 2 if op in STATIC else 1)


@pytest.mark.parametrize(("op", "dtype"), OVERFLOWING, ids=[name for name in ids if "ConvI" not in name])
def test_without_the_option_the_same_sums_overflow_on_such_a_processor(op, dtype):
    """On a processor with VNNI, and on Arm, they are exact either way: there this test sees that much."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(quantized(op, dtype), options, providers=["CPUExecutionProvider"])
    error = error_of(session.run(None, {"x": shaped(op, INPUTS)})[0])
    assert error > 900_000 if overflows_here() else error <= STEP / 2
