"""Runs .tflite files with LiteRT (the package ai-edge-litert)."""

from typing import TYPE_CHECKING, Any

from runtime.backends.interpreter import InterpreterBackend, import_interpreter

if TYPE_CHECKING:
    from runtime.requirements.tflite import TfliteFacts


def import_engine() -> Any:
    """Returns the class Interpreter; raises EngineError where LiteRT does not import."""
    return import_interpreter("litert", "ai_edge_litert.interpreter")


def open_model(model_bytes: bytes, threads: int, facts: "TfliteFacts") -> InterpreterBackend:
    """Loads a .tflite file; raises EngineError where LiteRT is broken or refuses it."""
    return InterpreterBackend("litert", import_engine(), model_bytes, threads)
