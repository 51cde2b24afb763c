"""The engines' own calls, as a user would write them without us: what the benchmarks compare with."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from math import prod
from typing import Any

import numpy as np

from runtime.backends import ENGINES
from runtime.backends.onnxruntime import EXACT_KERNELS

Infer = Callable[[np.ndarray], np.ndarray]


def single(engine: str, content: bytes) -> Infer:
    """Float32 [1, …] to float32 [1, k], by the engine's plain calls."""
    if engine == "onnxruntime":
        return session(content)
    return _interpreter(engine, content, None)


def batched(engine: str, content: bytes, size: int) -> Infer:
    """Float32 [n, …] to float32 [n, k], `size` rows in one call of the engine; n is a multiple of `size`."""
    infer = session(content) if engine == "onnxruntime" else _interpreter(engine, content, size)

    def call(rows: np.ndarray) -> np.ndarray:
        if len(rows) == size:
            return infer(rows)
        return np.concatenate([infer(rows[at : at + size]) for at in range(0, len(rows), size)])

    return call


def session(content: bytes, exact: bool = True) -> Infer:
    """Float32 [n, …] to float32 [n, k] by `session.run`, with the runtime's exact kernels or the default ones."""
    onnxruntime: Any = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # As the runtime does: without it the bare engine would be faster on some processors, and wrong.
    options.add_session_config_entry(EXACT_KERNELS, "1" if exact else "0")
    opened = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    source, result = opened.get_inputs()[0].name, opened.get_outputs()[0].name

    def call(rows: np.ndarray) -> np.ndarray:
        answers: np.ndarray = opened.run([result], {source: rows})[0]
        return answers

    return call


def _interpreter(engine: str, content: bytes, size: int | None) -> Infer:
    module: Any = import_module(f"{ENGINES[engine].module}.interpreter")
    interpreter = module.Interpreter(model_content=content, num_threads=1)
    details = interpreter.get_input_details()[0]
    source, result = details["index"], interpreter.get_output_details()[0]["index"]
    if size is not None:
        interpreter.resize_tensor_input(source, (size, *details["shape"][1:]))
    interpreter.allocate_tensors()

    def call(rows: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source, rows)
        interpreter.invoke()
        answers: np.ndarray = interpreter.get_tensor(result)
        return answers

    return call


def chunk_sizes(row_shape: tuple[int, ...], rows: int) -> list[int]:
    """The numbers of rows in one call to try: powers of two, fewer for large rows."""
    most = max(1, (1 << 20) // prod(row_shape))
    return [size for size in (1, 4, 16, 32, 64, 128, 256, 512, 1024) if size <= min(rows, most)]
