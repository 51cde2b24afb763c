"""The engines' own calls, as a user would write them without us: what the benchmarks compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def by_name(engine: str, content: bytes) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """One row of each input by name to one row of each output by name, by the engine's plain calls."""
    if engine == "onnxruntime":
        inference = _opened(content, exact=True)
        names = [result.name for result in inference.get_outputs()]

        def run(row: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
            return dict(zip(names, inference.run(names, row), strict=True))

        return run
    opened = interpreter(engine, content)
    opened.allocate_tensors()
    signature = opened.get_signature_runner()
    sources = {name: details["index"] for name, details in signature.get_input_details().items()}
    results = {name: details["index"] for name, details in signature.get_output_details().items()}

    def invoke(row: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        for name, place in sources.items():
            opened.set_tensor(place, row[name])
        opened.invoke()
        return {name: opened.get_tensor(place) for name, place in results.items()}

    return invoke


def session(content: bytes, exact: bool = True) -> Infer:
    """Float32 [n, …] to float32 [n, k] by `session.run`, with the runtime's exact kernels or the default ones."""
    opened = _opened(content, exact)
    source, result = opened.get_inputs()[0].name, opened.get_outputs()[0].name

    def call(rows: np.ndarray) -> np.ndarray:
        answers: np.ndarray = opened.run([result], {source: rows})[0]
        return answers

    return call


def _opened(content: bytes, exact: bool) -> Any:
    onnxruntime: Any = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # As the runtime does: without it the bare engine would be faster on some processors, and wrong.
    options.add_session_config_entry(EXACT_KERNELS, "1" if exact else "0")
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def interpreter(engine: str, content: bytes) -> Any:
    """The engine's own Interpreter of a .tflite file, with one thread."""
    opens = import_module(ENGINES[engine].backend).import_engine()
    return opens(model_content=content, num_threads=1)


def _interpreter(engine: str, content: bytes, size: int | None) -> Infer:
    opened = interpreter(engine, content)
    details = opened.get_input_details()[0]
    source, result = details["index"], opened.get_output_details()[0]["index"]
    if size is not None:
        opened.resize_tensor_input(source, (size, *details["shape"][1:]))
    opened.allocate_tensors()

    def call(rows: np.ndarray) -> np.ndarray:
        opened.set_tensor(source, rows)
        opened.invoke()
        answers: np.ndarray = opened.get_tensor(result)
        return answers

    return call


def chunk_sizes(row_shape: tuple[int, ...], rows: int) -> list[int]:
    """The numbers of rows in one call to try: powers of two, fewer for large rows."""
    most = max(1, (1 << 20) // prod(row_shape))
    return [size for size in (1, 4, 16, 32, 64, 128, 256, 512, 1024) if size <= min(rows, most)]
