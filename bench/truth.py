"""Runs in a child process: opens files with an engine, past every check of ours, and says what became of it.

Each line of the input is a JSON object with the engine and a file; a golden file makes it run the samples too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import bare
from bench.tiny_files import onnx_identity, tflite_with_type
from runtime.backends import ENGINES
from runtime.bundle.golden import INPUTS, OUTPUTS, kept, parse_arrays
from runtime.bundle.manifest import Tolerance
from runtime.errors import BundleError
from runtime.requirements import read_facts
from runtime.selftest import parity

if TYPE_CHECKING:
    from runtime.requirements import FileFacts


def bare_engine(engine: str, content: bytes) -> Any:
    """The engine's own object for a file, its tensors allocated."""
    if engine == "onnxruntime":
        onnxruntime = import_module("onnxruntime")
        onnxruntime.set_default_logger_severity(4)
        return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    opened = bare.interpreter(engine, content)
    opened.allocate_tensors()
    return opened


def outcome(engine: str, file: str, golden: str | None, limits: Mapping[str, float]) -> str:
    """ "runs", or what is wrong: an exception of any kind, or answers beyond the tolerance of their output."""
    content = Path(file).read_bytes()
    try:
        if golden is None:
            bare_engine(engine, content)
            return "runs"
        backend = import_module(ENGINES[engine].backend).open_model(content, 1, _facts(content, engine))
        arrays = parse_arrays(Path(golden).read_bytes(), golden)
        inputs, outputs = (
            {name.removeprefix(group): array for name, array in arrays.items() if name.startswith(group)}
            for group in (INPUTS, OUTPUTS)
        )
        count = len(next(iter(inputs.values())))
        rows = [
            backend.infer({name: values[at : at + 1] for name, values in inputs.items()})
            for at in range(count)
        ]
        for name, expected in outputs.items():
            found = kept(np.concatenate([row[name] for row in rows]))
            parity.check(found, expected, Tolerance(limits[name], ""))
    except Exception as error:  # whatever an engine comes up with is the answer
        lines = str(error).strip().splitlines()
        return f"{type(error).__name__}: {lines[0] if lines else ''}"
    return "runs"


def _facts(content: bytes, engine: str) -> FileFacts:
    """The facts of a file, or those of the smallest one for a file that our reader refuses: it shall be tried too."""
    smallest = {"tflite": tflite_with_type(0), "onnx": onnx_identity(8, {"": 13})}
    file_format = ENGINES[engine].format
    try:
        return read_facts(content, file_format)
    except BundleError:
        return read_facts(smallest[file_format], file_format)


def main() -> None:
    """Answers line by line, each flushed: where the engine kills this process, the answers before it stand."""
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps(outcome(job["engine"], job["file"], job["golden"], job["limits"])), flush=True)


if __name__ == "__main__":
    main()
