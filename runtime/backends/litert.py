"""Runs .tflite files with LiteRT (the package ai-edge-litert)."""

from typing import Any

from runtime.backends.interpreter import InterpreterBackend, import_interpreter


def import_engine() -> Any:
    """The class Interpreter; EngineError where LiteRT does not import."""
    return import_interpreter("litert", "ai_edge_litert.interpreter")


def open_model(model_bytes: bytes, threads: int) -> InterpreterBackend:
    """Loads a .tflite file; EngineError where LiteRT is broken or refuses it."""
    return InterpreterBackend("litert", import_engine(), model_bytes, threads)
