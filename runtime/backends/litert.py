"""Runs .tflite files with LiteRT (the package ai-edge-litert)."""

from runtime.backends.interpreter import InterpreterBackend, import_interpreter


def open_model(model_bytes: bytes, threads: int) -> InterpreterBackend:
    """Loads a .tflite file; EngineError where LiteRT is broken or refuses it."""
    interpreter = import_interpreter("litert", "ai_edge_litert.interpreter")
    return InterpreterBackend("litert", interpreter, model_bytes, threads)
