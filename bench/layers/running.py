"""Run in a child process: runs exported files on an engine and compares their answers with those of Keras."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bench.layers.jobs import serve
from runtime.backends import ENGINES


def difference(engine: str, file: Path, answers: Path) -> float:
    """The largest difference to Keras over all calls and outputs, relative where answers are beyond 1."""
    run = _onnx(file) if engine == "onnxruntime" else _tflite(engine, file)
    with np.load(answers) as arrays:
        calls: dict[str, dict[str, np.ndarray]] = {}
        for name in arrays.files:
            number, _, tensor = name.partition(" ")
            calls.setdefault(number, {})[tensor] = arrays[name]
    worst = 0.0
    for number in sorted(calls):
        feed = {name: value for name, value in calls[number].items() if name.startswith("input")}
        wanted = {name: value for name, value in calls[number].items() if name.startswith("output")}
        got = run(feed)
        if set(got) != set(wanted):
            raise ValueError(f"the outputs are {sorted(got)}, expected {sorted(wanted)}")
        for name, value in wanted.items():
            if got[name].shape != value.shape:
                raise ValueError(f"{name} has the shape {got[name].shape}, expected {value.shape}")
            if np.isnan(got[name]).any() != np.isnan(value).any():
                raise ValueError(f"{name} has NaN")
            scale = max(1.0, float(np.abs(value).max(initial=0)))
            gap = np.abs(got[name].astype(np.float64) - value.astype(np.float64))
            worst = max(worst, float(gap.max(initial=0)) / scale)
    return worst


def _tflite(engine: str, file: Path) -> Any:
    interpreter = import_module(f"{ENGINES[engine].module}.interpreter").Interpreter(
        model_content=file.read_bytes(), num_threads=1
    )
    interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner("serving_default")
    return lambda feed: runner(**{name: feed[name] for name in runner.get_input_details()})


def _onnx(file: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    taken = [value.name for value in session.get_inputs()]
    return lambda feed: dict(
        zip(names, session.run(names, {name: feed[name] for name in taken}), strict=True)
    )


def answer(job: dict[str, str]) -> float | str:
    """The largest difference, or what the engine says against the file."""
    try:
        return difference(job["engine"], Path(job["file"]), Path(job["answers"]))
    except Exception as error:  # whatever an engine comes up with is the answer
        return f"{type(error).__name__}: {' '.join(str(error).split())}"


if __name__ == "__main__":
    serve(answer)
