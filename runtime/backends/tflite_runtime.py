"""Runs .tflite files with tflite-runtime, LiteRT's predecessor, which 32-bit and older systems still need."""

from typing import Any

from runtime.backends.interpreter import InterpreterBackend, import_interpreter


def import_engine() -> Any:
    """The class Interpreter; EngineError where tflite-runtime does not import."""
    return import_interpreter("tflite-runtime", "tflite_runtime.interpreter")


def open_model(model_bytes: bytes, threads: int) -> InterpreterBackend:
    """Loads a .tflite file; EngineError where tflite-runtime is broken or refuses it."""
    return InterpreterBackend("tflite-runtime", import_engine(), model_bytes, threads)
