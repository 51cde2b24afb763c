"""Why a Pi 5 answers otherwise than x86 and a Pi 4: how its kernels round, seen on single layers."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.ties import WITH_TIES, answers, away_from_zero, file

LITERT = """
import numpy as np
from ai_edge_litert.interpreter import Interpreter
layer = Interpreter(model_path="layer.tflite", num_threads=1)
layer.allocate_tensors()
token, value = layer.get_input_details()[0]["index"], layer.get_output_details()[0]["index"]
found = []
for row in range(32):
    layer.set_tensor(token, np.array([row], np.int32))
    layer.invoke()
    found.append(layer.get_tensor(value))
np.save("answers.npy", np.concatenate(found))
"""
ONNX_RUNTIME = """
import numpy as np, onnxruntime
rows = np.load("rows.npy")
layer = onnxruntime.InferenceSession("layer.onnx")
np.save("answers.npy", np.concatenate([layer.run(None, {"x": row[np.newaxis]})[0] for row in rows]))
"""


def answered(device, program, folder):
    done = device.run("-c", program, folder=folder)
    assert done.returncode == 0, done.stderr
    return np.load(folder / "answers.npy")


@pytest.mark.parametrize(("board", "rounded"), [("pi4", np.rint), ("pi5", away_from_zero)])
def test_litert_rounds_activations_between_two_steps(devices, board, rounded, tmp_path):
    """To even, but where the processor has int8 dot products away from zero: there Arm's KleidiAI computes."""
    rows = WITH_TIES[0]
    (tmp_path / "layer.tflite").write_bytes(file(rows))
    expected, other = (
        answers(rows, each) for each in (rounded, away_from_zero if rounded is np.rint else np.rint)
    )
    found = answered(devices[board], LITERT, tmp_path)
    spread = np.ptp(expected)
    assert found == pytest.approx(expected, abs=1e-6 * spread)
    assert np.abs(found - other).max() > 1e-3 * spread


RANDOM = np.random.default_rng(6)
ROWS = RANDOM.random((4, 784)).astype(np.float16)
KERNEL = RANDOM.normal(0, 0.2, (784, 8)).astype(np.float16)
BIAS = RANDOM.normal(size=8).astype(np.float16)


def sums_in_float16() -> np.ndarray:
    """From the bias on, each product is added and the sum rounded to float16."""
    total = np.tile(BIAS, (len(ROWS), 1))
    for place, weights in enumerate(KERNEL.astype(np.float64)):
        total = (total + ROWS[:, place, np.newaxis].astype(np.float64) * weights).astype(np.float16)
    return total


def sums() -> np.ndarray:
    """Exact, and rounded to float16 at the end."""
    return (ROWS.astype(np.float64) @ KERNEL.astype(np.float64) + BIAS).astype(np.float16)


@pytest.mark.parametrize(("board", "expected"), [("pi4", sums()), ("pi5", sums_in_float16())])
def test_onnx_runtime_adds_up_float16(devices, board, expected, tmp_path):
    """In float32, but where the processor has float16 arithmetic in that: the sum is rounded at every addition."""
    constants = [numpy_helper.from_array(KERNEL, "kernel"), numpy_helper.from_array(BIAS, "bias")]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT16, [None, size])
        for name, size in (("x", 784), ("y", 8))
    ]
    node = helper.make_node("Gemm", ["x", "kernel", "bias"], ["y"])
    graph = helper.make_graph([node], "layer", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "layer.onnx")
    np.save(tmp_path / "rows.npy", ROWS)
    found = answered(devices[board], ONNX_RUNTIME, tmp_path)
    # Float32 sums in another order may fall on the other side of a step of float16.
    step = 0.0 if board == "pi5" else float(np.spacing(np.abs(expected).max()))
    assert np.abs(found.astype(np.float64) - expected).max() <= step
    assert np.abs(sums_in_float16().astype(np.float64) - sums()).max() > 2 * np.spacing(np.abs(sums()).max())
