"""Runs .tflite files with tflite-runtime, LiteRT's predecessor, which 32-bit and older systems still need."""

from typing import TYPE_CHECKING, Any

from runtime.backends.interpreter import InterpreterBackend, import_interpreter

if TYPE_CHECKING:
    from runtime.requirements.tflite import TfliteFacts

# Its int8 dense layers repack their weights for every call of more than one row: two rows of mnist-mlp take 270 µs in
# one call and 130 one by one; from five rows on it is faster in one call.
_FEWEST_INT8 = 5
# tflite-runtime 2.14.0 keeps some of the old sizes where a file with these ops is given another number of rows: it
# fails ("failed to prepare"), and 16 rows of an int8 loop end the process on Arm (signal 11). One row at a time is
# right; LiteRT 1.0.1, 1.1.2, 2.0.2 and 2.3.0 take batches.
_CALLING_GRAPHS = {"IF", "WHILE"}


def import_engine() -> Any:
    """Returns the class Interpreter; raises EngineError where tflite-runtime does not import."""
    return import_interpreter("tflite-runtime", "tflite_runtime.interpreter")


def open_model(model_bytes: bytes, threads: int, facts: "TfliteFacts") -> InterpreterBackend:
    """Loads a .tflite file; raises EngineError where tflite-runtime is broken or refuses it."""
    fewest = _FEWEST_INT8 if facts.int8_activations else 2
    # With int8 weights and float activations, a batch of 16 rows ends the process on a Pi 5 (signal 11, in kernels with
    # int8 dot products). One row at a time, a row takes 1.1 to 1.4 times as long as in the best batch, and ten times as
    # long for the smallest tables.
    batches = not facts.hybrid and _CALLING_GRAPHS.isdisjoint(facts.ops)
    return InterpreterBackend("tflite-runtime", import_engine(), model_bytes, threads, fewest, batches)
