"""Runs .onnx files with ONNX Runtime, on the CPU provider alone."""

import os
from collections.abc import Mapping
from importlib import import_module
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from runtime.backends.batching import chunk_rows, in_chunks
from runtime.backends.feeds import feed
from runtime.bundle.manifest import DTYPES, TensorSpec
from runtime.errors import BundleError, EngineError, first_line

if TYPE_CHECKING:
    from runtime.requirements.onnx import OnnxFacts

# On x86-64 without VNNI the default kernels for int8 weights add in 16 bits and overflow, without an error: answers of
# sound files were off by up to 0.5 of a probability. With this option on, the session takes exact kernels there; on
# other processors it changes nothing. ONNX Runtime has it since 1.13 (its pull request 12088).
EXACT_KERNELS = "session.x64quantprecision"
_ERRORS_ONLY = 3
_DTYPES = {f"tensor({'float' if name == 'float32' else name})": name for name in DTYPES}


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
        self.inputs: Mapping[str, TensorSpec] = dict(
            _tensor(found, "input") for found in session.get_inputs()
        )
        if not self.inputs:
            raise BundleError("the .onnx file has no input; a bundle's files have at least one")
        given = {name: np.zeros((1, *spec.row_shape), spec.dtype) for name, spec in self.inputs.items()}
        self.outputs: Mapping[str, TensorSpec] = dict(_outputs(session, given))
        made = {name: np.zeros((1, *spec.row_shape), spec.dtype) for name, spec in self.outputs.items()}
        self._run, self._run_bound = session.run, session.run_with_iobinding
        # One row goes through memory that is bound once: this saves 4 of 22 µs on LeNet. The lock guards that memory; a
        # thread that finds it taken does not wait, but calls the session in the usual way.
        self._values = {
            name: ort_value.ortvalue_from_numpy(row) for name, row in (*given.items(), *made.items())
        }
        self._bound = session.io_binding()
        for name in given:
            self._bound.bind_ortvalue_input(name, self._values[name])
        for name in made:
            self._bound.bind_ortvalue_output(name, self._values[name])
        self._given, self._made = list(given.items()), list(made.items())
        self._first = next(iter(given))
        self._lock = Lock()
        self._chunk_rows = chunk_rows(self.inputs.values(), self.outputs.values()) if batches else 1

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See Backend.run."""
        given = self._given
        if type(feeds) is dict and len(feeds) == len(given):
            for name, row in given:
                rows = feeds.get(name)
                # `is`, since numpy has one native dtype: a big-endian one must not pass here.
                if type(rows) is not np.ndarray or rows.dtype is not row.dtype or rows.shape != row.shape:
                    break
            else:
                return self.infer(feeds)
        return self.infer(feed(feeds, self.inputs))

    def infer(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See Backend.infer."""
        try:
            if 1 <= len(feeds[self._first]) <= self._chunk_rows:
                return self._infer_some(feeds)
            return in_chunks(self._infer_some, feeds, self._chunk_rows, self.outputs)
        except Exception as error:  # its exceptions have no common base of their own
            raise EngineError(f"onnxruntime cannot run the model: {first_line(error)}") from None

    def _infer_some(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        if len(feeds[self._first]) == 1 and self._lock.acquire(blocking=False):
            try:
                for name, row in self._given:
                    row[...] = feeds[name]  # casts too
                self._run_bound(self._bound)
                outputs = {}
                for name, row in self._made:  # a comprehension would take 0.3 µs more
                    outputs[name] = row.copy()
                return outputs
            finally:
                self._lock.release()
        arrays = {name: np.asarray(feeds[name], row.dtype, "C") for name, row in self._given}
        return dict(zip(self.outputs, self._run(list(self.outputs), arrays), strict=True))


def _outputs(session: Any, row: dict[str, np.ndarray]) -> list[tuple[str, TensorSpec]]:
    """Names and specs of the outputs. Where the file leaves extents open, as of loops, a row of zeros finds them."""
    found = [_tensor(output, "output") for output in session.get_outputs()]
    if all(None not in spec.shape[1:] for _, spec in found):
        return found
    try:
        answers = session.run([name for name, _ in found], row)
    except Exception as error:  # its exceptions have no common base of their own
        raise EngineError(f"onnxruntime refuses the file: {first_line(error)}") from None
    return [
        (name, TensorSpec(spec.dtype, (None, *answer.shape[1:])))
        for (name, spec), answer in zip(found, answers, strict=True)
    ]


def _tensor(tensor: Any, side: str) -> tuple[str, TensorSpec]:
    """Name and spec of an input or output; only those of an output may have open extents beside the batch."""
    what = f"the .onnx file's {side} {tensor.name!r}"
    dtype = _DTYPES.get(tensor.type)
    if dtype is None:
        raise BundleError(f"{what} is {tensor.type}, expected one of {', '.join(_DTYPES)}")
    # A symbolic extent is a name or None here, a fixed one a number.
    shape = tuple(extent if isinstance(extent, int) else None for extent in tensor.shape)
    if not shape or shape[0] is not None or (side == "input" and None in shape[1:]):
        raise BundleError(
            f"{what} has the shape {tensor.shape}, expected a symbol for the batch and nowhere else"
        )
    return tensor.name, TensorSpec(dtype, shape)
