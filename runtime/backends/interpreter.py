"""Runs .tflite files with the TensorFlow Lite Interpreter, which LiteRT and tflite-runtime share."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np

from runtime.backends.batching import chunk_rows, in_chunks
from runtime.backends.feeds import FLOAT32, feed
from runtime.bundle.manifest import TensorSpec
from runtime.errors import BundleError, EngineError, first_line

SIGNATURE = "serving_default"


def import_interpreter(engine: str, module: str) -> Any:
    """Returns the class Interpreter of an engine's module; raises EngineError where it does not import."""
    try:
        return import_module(module).Interpreter
    except Exception as error:  # an engine built for another machine or numpy fails in its own ways
        raise EngineError(f"{engine} is installed but does not import: {first_line(error)}") from error


class InterpreterBackend:
    """A .tflite file in an Interpreter, and in a second one for batches: so single calls need no resize.

    Args:
        engine: the engine's name, for errors.
        interpreter: the engine's class Interpreter.
        model_bytes: the file.
        threads: how many the engine may use for one call.
        fewest: fewer rows than this go through the engine one by one.
        batches: whether the engine may be given several rows at once.

    Raises:
        EngineError: the engine refuses the file.
        BundleError: the file has another signature than a bundle's files have.
    """

    def __init__(
        self, engine: str, interpreter: Any, model_bytes: bytes, threads: int, fewest: int = 2, batches: bool = True
    ) -> None:  # fmt: skip
        self._open = partial(interpreter, model_content=model_bytes, num_threads=threads)
        # An Interpreter used by two threads at once answers wrongly, sometimes without an error.
        self._lock = Lock()
        try:
            single = self._open()
            single.allocate_tensors()
            given, made = _tensors(single)
            # Looked up once: an attribute look-up in each call is a part of the microsecond that `run` may cost.
            self._row = np.zeros((1, *given[2].row_shape), FLOAT32)
            self._set, self._invoke, self._get = _fastest_calls(single, given[1], self._row, made[1])
        except (ValueError, RuntimeError) as error:
            raise EngineError(f"{engine} refuses the file: {first_line(error)}") from None
        self._engine = engine
        self._name, self._input, spec = given
        self._output_name, self._output, output = made
        self._spec = spec
        self._single_shape = self._row.shape
        self._output_row_shape = output.row_shape
        self.inputs: Mapping[str, TensorSpec] = {self._name: spec}
        self.outputs: Mapping[str, TensorSpec] = {self._output_name: output}
        self._batch: Any = None
        self._batch_rows = 0
        self._fewest = fewest
        self._most = chunk_rows(spec.row_shape) if batches else 1

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See Backend.run."""
        rows = feeds.get(self._name) if type(feeds) is dict and len(feeds) == 1 else None
        # `is`, since numpy has one native float32: a big-endian one has the same number inside and must not pass.
        if type(rows) is np.ndarray and rows.dtype is FLOAT32 and rows.shape == self._single_shape:
            try:
                with self._lock:
                    self._set(self._input, rows)
                    self._invoke()
                    return {self._output_name: self._get(self._output, 0)}
            except (ValueError, RuntimeError) as error:
                raise self._failure(error) from None
        return {self._output_name: self.infer(feed(feeds, self._name, self._spec))}

    def infer(self, rows: np.ndarray) -> np.ndarray:
        """See Backend.infer."""
        try:
            if len(rows) == 1:
                with self._lock:
                    self._row[...] = rows  # casts too, without the allocation of astype
                    self._set(self._input, self._row)
                    self._invoke()
                    outputs: np.ndarray = self._get(self._output, 0)
                return outputs
            if self._fewest <= len(rows) <= self._most:
                return self._infer_some(rows)
            most = self._most if len(rows) >= self._fewest else 1
            return in_chunks(self.infer, rows, most, self._output_row_shape)
        except (ValueError, RuntimeError) as error:
            raise self._failure(error) from None

    def _infer_some(self, rows: np.ndarray) -> np.ndarray:
        with self._lock:
            if self._batch is None:
                self._batch = self._open()
            if self._batch_rows != len(rows):
                self._batch_rows = 0  # until the resize has worked
                self._batch.resize_tensor_input(self._input, rows.shape)
                self._batch.allocate_tensors()
                self._batch_rows = len(rows)
            # Cast straight into the engine's memory; no view of it is left when the engine runs.
            self._batch.tensor(self._input)()[...] = rows
            self._batch.invoke()
            outputs: np.ndarray = self._batch.get_tensor(self._output)
        return outputs

    def _failure(self, error: Exception) -> EngineError:
        return EngineError(f"{self._engine} cannot run the model: {first_line(error)}")


_Calls = tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]


def _fastest_calls(interpreter: Any, source: int, row: np.ndarray, result: int) -> _Calls:
    """Returns set_tensor, invoke and get_tensor (of a tensor and a subgraph), tried once with a row.

    The fastest are those of `_interpreter`, the object inside of an Interpreter: the Python wrappers around it add
    0.5 µs, and one check that nobody holds a view of its memory, which nobody here ever does while it runs. This is
    the one place that uses this private part. It was read in LiteRT 1.0.1, 2.0.2, 2.1.6 and 2.3.0 and in tflite-runtime
    2.14.0; where a release has it otherwise, the public calls are used.
    """
    inner: Any = getattr(interpreter, "_interpreter", None)
    try:
        return _checked((inner.SetTensor, inner.Invoke, inner.GetTensor), source, row, result)
    except (AttributeError, TypeError):
        del inner  # the wrappers refuse to run while another name holds the object inside
    return _checked((interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor), source, row, result)


def _checked(calls: _Calls, source: int, row: np.ndarray, result: int) -> _Calls:
    """Returns the calls, once they have taken a row through the model."""
    set_tensor, invoke, get_tensor = calls
    set_tensor(source, row)
    invoke()
    get_tensor(result, 0)
    return calls


_Tensor = tuple[str, int, TensorSpec]


def _tensors(interpreter: Any) -> tuple[_Tensor, _Tensor]:
    """Returns name, index and spec of the one input and of the one output; names are those of the signature."""
    signatures = interpreter.get_signature_list()  # tflite-runtime never gives back some memory of each call
    if SIGNATURE not in signatures:
        found = ", ".join(signatures) or "none"
        raise BundleError(f"the .tflite file has no signature {SIGNATURE!r}; its signatures: {found}")
    names, runner = signatures[SIGNATURE], interpreter.get_signature_runner(SIGNATURE)
    return (
        _tensor("inputs", names["inputs"], runner.get_input_details()),
        _tensor("outputs", names["outputs"], runner.get_output_details()),
    )


def _tensor(side: str, names: list[str], all_details: Mapping[str, Any]) -> _Tensor:
    if len(names) != 1:
        raise BundleError(f"the .tflite file has the {side} {names}; a bundle's files have exactly one")
    details = all_details[names[0]]
    what = f"the .tflite file's {side[:-1]} {names[0]!r}"
    if details["dtype"] is not np.float32:
        raise BundleError(f"{what} is {np.dtype(details['dtype'])}, expected float32")
    shape = tuple(int(extent) for extent in details["shape_signature"])
    # The converter writes 1 for the open batch of quantized outputs; the engine takes any batch all the same.
    open_batch = (-1,) if side == "inputs" else (-1, 1)
    if not shape or shape[0] not in open_batch or -1 in shape[1:]:
        raise BundleError(f"{what} has the shape {list(shape)}, expected -1 for the batch and nowhere else")
    return names[0], int(details["index"]), TensorSpec("float32", (None, *shape[1:]))
