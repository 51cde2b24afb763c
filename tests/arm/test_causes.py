"""Why a Pi 5 answers otherwise than x86 and a Pi 4: how its kernels round, seen on single layers."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.arm.conftest import note_earlier
from tests.arm.kept import OF_A_CAUSE, SOURCES, key, run_once
from tests.ties import WITH_TIES, answers, away_from_zero, file

LITERT = """
import json
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
print(json.dumps(np.concatenate(found).tolist()))
"""
ONNX_RUNTIME = """
import json, numpy as np, onnxruntime
rows = np.load("rows.npy")
layer = onnxruntime.InferenceSession("layer.onnx")
print(json.dumps([layer.run(None, {"x": row[np.newaxis]})[0][0].tolist() for row in rows]))
"""


BOARDS = ("pi4", "pi5")
PROGRAMS = {"litert": LITERT, "onnxruntime": ONNX_RUNTIME}
ROUNDED_ROWS = WITH_TIES[0]


@pytest.fixture(scope="module")
def found(devices, request):
    """What a board gave for a layer, by `board engine`: now, or earlier if nothing changed that it came of."""

    def run(folder):
        (folder / "layer.tflite").write_bytes(file(ROUNDED_ROWS))
        onnx.save(gemm_in_float16(), folder / "layer.onnx")
        np.save(folder / "rows.npy", ROWS)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            started = {
                f"{board} {engine}": pool.submit(devices[board].run, "-c", program, folder=folder)
                for board in BOARDS
                for engine, program in PROGRAMS.items()
            }
        return {name: each.result() for name, each in started.items()}

    came_of = key({name: devices[name] for name in BOARDS}, (), (*SOURCES, *OF_A_CAUSE))
    runs, earlier = run_once("causes", came_of, run)
    note_earlier(request.config, earlier)
    assert not any(done.returncode for done in runs.values()), [done.stderr for done in runs.values()]
    return {name: np.array(json.loads(done.stdout)) for name, done in runs.items()}


@pytest.mark.parametrize(("board", "rounded"), [("pi4", np.rint), ("pi5", away_from_zero)])
def test_litert_rounds_activations_between_two_steps(found, board, rounded):
    """To even, but where the processor has int8 dot products away from zero: there Arm's KleidiAI computes."""
    expected, other = (
        answers(ROUNDED_ROWS, each) for each in (rounded, away_from_zero if rounded is np.rint else np.rint)
    )
    answer = found[f"{board} litert"]
    spread = np.ptp(expected)
    assert answer == pytest.approx(expected, abs=1e-6 * spread)
    assert np.abs(answer - other).max() > 1e-3 * spread


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


def gemm_in_float16() -> onnx.ModelProto:
    """A graph of one dense layer with that kernel and bias."""
    constants = [numpy_helper.from_array(KERNEL, "kernel"), numpy_helper.from_array(BIAS, "bias")]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT16, [None, size])
        for name, size in (("x", 784), ("y", 8))
    ]
    node = helper.make_node("Gemm", ["x", "kernel", "bias"], ["y"])
    graph = helper.make_graph([node], "layer", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(("board", "expected"), [("pi4", sums()), ("pi5", sums_in_float16())])
def test_onnx_runtime_adds_up_float16(found, board, expected):
    """In float32, but where the processor has float16 arithmetic in that: the sum is rounded at every addition."""
    # Float32 sums in another order may fall on the other side of a step of float16.
    step = 0.0 if board == "pi5" else float(np.spacing(np.abs(expected).max()))
    assert np.abs(found[f"{board} onnxruntime"] - expected).max() <= step
    assert np.abs(sums_in_float16().astype(np.float64) - sums()).max() > 2 * np.spacing(np.abs(sums()).max())
