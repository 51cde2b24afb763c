"""Runs .tflite files with tflite-runtime, LiteRT's predecessor, which 32-bit and older systems still need."""

from typing import Any

import numpy as np

from runtime.backends.interpreter import InterpreterBackend, import_interpreter
from runtime.errors import EngineError


def import_engine() -> Any:
    """The class Interpreter; EngineError where tflite-runtime does not import or cannot work with this numpy."""
    if not np.__version__.startswith("1."):
        # It imports, and fails later with words that say nothing of numpy.
        raise EngineError(
            f"tflite-runtime was built against numpy 1 and cannot work with numpy {np.__version__}; "
            "run: pip install 'numpy<2', or use ai-edge-litert"
        )
    return import_interpreter("tflite-runtime", "tflite_runtime.interpreter")


def open_model(model_bytes: bytes, threads: int) -> InterpreterBackend:
    """Loads a .tflite file; EngineError where tflite-runtime is broken or refuses it."""
    return InterpreterBackend("tflite-runtime", import_engine(), model_bytes, threads)
