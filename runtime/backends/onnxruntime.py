"""Runs .onnx files with ONNX Runtime, on the CPU provider alone."""

import os
from collections.abc import Mapping
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.backends.batching import chunk_rows, in_chunks
from runtime.backends.feeds import FLOAT32, feed
from runtime.bundle.manifest import TensorSpec
from runtime.errors import BundleError, EngineError, first_line

if TYPE_CHECKING:
    from runtime.requirements.onnx import OnnxFacts

# On x86-64 without VNNI the default kernels for int8 weights add in 16 bits and overflow, without an error: answers of
# sound files were off by up to 0.5 of a probability. With this option on, the session takes exact kernels there; on
# other processors it changes nothing. ONNX Runtime has it since 1.13 (its pull request 12088).
EXACT_KERNELS = "session.x64quantprecision"
_ERRORS_ONLY = 3


def import_engine() -> Any:
    """Returns the module onnxruntime; raises EngineError where it does not import."""
    # From 1.29 on, its wheels report to their maker what they run and on what, and keep a database of it in the user's
    # cache. On a device they do so only where its owner has set ORT_DISABLE_TELEMETRY=0.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        onnxruntime = import_module("onnxruntime")
        onnxruntime.SessionOptions()  # an import that has failed half-way has no such class
    except Exception as error:  # an engine built for another machine or numpy fails in its own ways
        raise EngineError(f"onnxruntime is installed but does not import: {first_line(error)}") from error
    return onnxruntime


def open_model(model_bytes: bytes, threads: int, facts: "OnnxFacts") -> "OnnxRuntimeBackend":
    """Loads an .onnx file; raises EngineError where ONNX Runtime is broken or refuses it."""
    onnxruntime = import_engine()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry(EXACT_KERNELS, "1")
    try:
        session = onnxruntime.InferenceSession(model_bytes, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base of their own
        raise EngineError(f"onnxruntime refuses the file: {first_line(error)}") from None
    # One scale for the whole batch would make each row's answer depend on the others, by up to 0.03 in a probability
    # of LeNet. Such a file runs row by row.
    return OnnxRuntimeBackend(onnxruntime.OrtValue, session, batches=not facts.dynamic)


class OnnxRuntimeBackend:
    """An .onnx file in a session, which threads may share."""

    def __init__(self, ort_value: Any, session: Any, batches: bool) -> None:
        self._name, spec = _tensor(session.get_inputs(), "input")
        self._output_name, output = _tensor(session.get_outputs(), "output")
        self._spec = spec
        self._single_shape = (1, *spec.row_shape)
        self._output_row_shape = output.row_shape
        self.inputs: Mapping[str, TensorSpec] = {self._name: spec}
        self.outputs: Mapping[str, TensorSpec] = {self._output_name: output}
        self._run, self._run_bound = session.run, session.run_with_iobinding
        # One row goes through memory that is bound once: this saves 4 of 22 µs on LeNet. The lock guards that memory; a
        # thread that finds it taken does not wait, but calls the session in the usual way.
        self._row = np.zeros(self._single_shape, FLOAT32)
        self._answer = np.zeros((1, *self._output_row_shape), FLOAT32)
        self._values = (ort_value.ortvalue_from_numpy(self._row), ort_value.ortvalue_from_numpy(self._answer))
        self._bound = session.io_binding()
        self._bound.bind_ortvalue_input(self._name, self._values[0])
        self._bound.bind_ortvalue_output(self._output_name, self._values[1])
        self._lock = Lock()
        self._chunk_rows = chunk_rows(spec.row_shape) if batches else 1

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See Backend.run."""
        rows = feeds.get(self._name) if type(feeds) is dict and len(feeds) == 1 else None
        # `is`, since numpy has one native float32: a big-endian one must not pass here.
        if not (type(rows) is np.ndarray and rows.dtype is FLOAT32 and rows.shape == self._single_shape):
            rows = feed(feeds, self._name, self._spec)
        return {self._output_name: self.infer(rows)}

    def infer(self, rows: np.ndarray) -> np.ndarray:
        """See Backend.infer."""
        try:
            if 1 <= len(rows) <= self._chunk_rows:
                return self._infer_some(rows)
            return in_chunks(self._infer_some, rows, self._chunk_rows, self._output_row_shape)
        except Exception as error:  # its exceptions have no common base of their own
            raise EngineError(f"onnxruntime cannot run the model: {first_line(error)}") from None

    def _infer_some(self, rows: np.ndarray) -> np.ndarray:
        if len(rows) == 1 and self._lock.acquire(blocking=False):
            try:
                self._row[...] = rows  # casts too
                self._run_bound(self._bound)
                return self._answer.copy()
            finally:
                self._lock.release()
        outputs: np.ndarray = self._run([self._output_name], {self._name: np.asarray(rows, FLOAT32, "C")})[0]
        return outputs


def _tensor(tensors: Any, side: str) -> tuple[str, TensorSpec]:
    """Returns name and spec of the one input or output."""
    if len(tensors) != 1:
        names = [tensor.name for tensor in tensors]
        raise BundleError(f"the .onnx file has the {side}s {names}; a bundle's files have exactly one")
    tensor = tensors[0]
    what = f"the .onnx file's {side} {tensor.name!r}"
    if tensor.type != "tensor(float)":
        raise BundleError(f"{what} is {tensor.type}, expected tensor(float)")
    shape = tensor.shape
    # A symbolic extent is a name or None here, a fixed one a number.
    if not shape or isinstance(shape[0], int) or not all(isinstance(extent, int) for extent in shape[1:]):
        raise BundleError(f"{what} has the shape {shape}, expected a symbol for the batch and nowhere else")
    return tensor.name, TensorSpec("float32", (None, *shape[1:]))
