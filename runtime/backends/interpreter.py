"""Runs .tflite files with the TensorFlow Lite Interpreter, which LiteRT and tflite-runtime share.

The object inside of an Interpreter is not documented; where a release has it otherwise, the public calls are used. Read
in ai-edge-litert 1.0, 2.0, 2.1 and 2.3. Read in tflite-runtime 2.14.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np

from runtime.backends.batching import chunk_rows, in_chunks
from runtime.backends.feeds import feed
from runtime.bundle.manifest import DTYPES, TensorSpec
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
        self, engine: str, interpreter: Any, model_bytes: bytes, threads: int,
        fewest: int = 2, batches: bool = True,
    ) -> None:  # fmt: skip
        self._open = partial(interpreter, model_content=model_bytes, num_threads=threads)
        # An Interpreter used by two threads at once answers wrongly, sometimes without an error.
        self._lock = Lock()
        try:
            single = self._open()
            single.allocate_tensors()
            given, made = _tensors(single)
            # Looked up once: an attribute look-up in each call is a part of the microsecond that `run` may cost.
            self._given = [
                (name, index, np.zeros((1, *spec.row_shape), spec.dtype)) for name, index, spec in given
            ]
            self._made = [(name, index) for name, index, _ in made]
            self._set, self._invoke, self._get = _fastest_calls(single, self._given, self._made)
        except (ValueError, RuntimeError) as error:
            raise EngineError(f"{engine} refuses the file: {first_line(error)}") from None
        self._single = _single(self._given, self._made)
        self._engine = engine
        self.inputs: Mapping[str, TensorSpec] = {name: spec for name, _, spec in given}
        self.outputs: Mapping[str, TensorSpec] = {name: spec for name, _, spec in made}
        self._first = given[0][0]
        self._batch: Any = None
        self._batch_rows = 0
        self._fewest = fewest
        self._most = chunk_rows(self.inputs.values(), self.outputs.values()) if batches else 1

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See Backend.run."""
        if self._single is None:
            return self._run_several(feeds)
        name, index, _, dtype, shape, made, place = self._single
        if type(feeds) is dict and len(feeds) == 1:
            rows = feeds.get(name)
            # `is`, since numpy has one native dtype: a big-endian one has the same number inside and must not pass.
            if type(rows) is np.ndarray and rows.dtype is dtype and rows.shape == shape:
                try:
                    with self._lock:
                        self._set(index, rows)
                        self._invoke()
                        return {made: self._get(place, 0)}
                except (ValueError, RuntimeError) as error:
                    raise self._failure(error) from None
        return self.infer(feed(feeds, self.inputs))

    def _run_several(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        given = self._given
        if type(feeds) is dict and len(feeds) == len(given):
            for name, _, row in given:
                rows = feeds.get(name)
                if type(rows) is not np.ndarray or rows.dtype is not row.dtype or rows.shape != row.shape:
                    break
            else:
                try:
                    with self._lock:
                        for name, index, _ in given:
                            self._set(index, feeds[name])
                        self._invoke()
                        outputs = {}
                        for name, index in self._made:  # a comprehension would take 0.3 µs more
                            outputs[name] = self._get(index, 0)
                    return outputs
                except (ValueError, RuntimeError) as error:
                    raise self._failure(error) from None
        return self.infer(feed(feeds, self.inputs))

    def infer(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """See Backend.infer."""
        count = len(feeds[self._first])
        try:
            if count == 1 and self._single is not None:
                name, index, row, _, _, made, place = self._single
                with self._lock:
                    row[...] = feeds[name]  # casts too, without the allocation of astype
                    self._set(index, row)
                    self._invoke()
                    return {made: self._get(place, 0)}
            if count == 1:
                outputs = {}
                with self._lock:
                    for name, index, row in self._given:
                        row[...] = feeds[name]
                        self._set(index, row)
                    self._invoke()
                    for name, index in self._made:
                        outputs[name] = self._get(index, 0)
                return outputs
            if self._fewest <= count <= self._most:
                return self._infer_some(feeds, count)
            most = self._most if count >= self._fewest else 1
            return in_chunks(self.infer, feeds, most, self.outputs)
        except (ValueError, RuntimeError) as error:
            raise self._failure(error) from None

    def _infer_some(self, feeds: Mapping[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
        with self._lock:
            if self._batch_rows != count:
                if self._batch is None:
                    self._batch = self._open()
                self._batch_rows = 0  # until the resize has worked
                for name, index, _ in self._given:
                    self._batch.resize_tensor_input(index, feeds[name].shape)
                self._batch.allocate_tensors()
                self._batch_rows = count
            for name, index, _ in self._given:
                # Cast straight into the engine's memory; no view of it is left when the engine runs.
                self._batch.tensor(index)()[...] = feeds[name]
            self._batch.invoke()
            return {name: self._batch.get_tensor(index) for name, index in self._made}

    def _failure(self, error: Exception) -> EngineError:
        return EngineError(f"{self._engine} cannot run the model: {first_line(error)}")


_Calls = tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]
_Tensor = tuple[str, int, TensorSpec]
_Row = tuple[str, int, np.ndarray]  # a name, an index, and memory for one row
_Place = tuple[str, int]
_Single = tuple[str, int, np.ndarray, np.dtype[Any], tuple[int, ...], str, int]


def _single(given: list[_Row], made: list[_Place]) -> _Single | None:
    """Returns the one input (name, index, memory for one row, its dtype and shape) and the one output (name, index).

    None where there are several of either. Loops over one tensor, and looking up what they need, would take half of the
    microsecond that `run` may cost, and the whole of it after a net that has emptied the processor's caches.
    """
    if len(given) > 1 or len(made) > 1:
        return None
    ((name, index, row),), ((output, place),) = given, made
    return name, index, row, row.dtype, row.shape, output, place


def _fastest_calls(interpreter: Any, given: list[_Row], made: list[_Place]) -> _Calls:
    """Returns set_tensor, invoke and get_tensor (of a tensor and a subgraph), tried once with a row.

    The fastest are those of `_interpreter`, the object inside of an Interpreter: the Python wrappers around it add
    0.5 µs, and one check that nobody holds a view of its memory, which nobody here ever does while it runs. This is
    the one place that uses this private part.
    """
    inner: Any = getattr(interpreter, "_interpreter", None)
    try:
        return _checked((inner.SetTensor, inner.Invoke, inner.GetTensor), given, made)
    except (AttributeError, TypeError):
        del inner  # the wrappers refuse to run while another name holds the object inside
    return _checked((interpreter.set_tensor, interpreter.invoke, interpreter.get_tensor), given, made)


def _checked(calls: _Calls, given: list[_Row], made: list[_Place]) -> _Calls:
    """Returns the calls, once they have taken a row through the model."""
    set_tensor, invoke, get_tensor = calls
    for _, index, row in given:
        set_tensor(index, row)
    invoke()
    for _, index in made:
        get_tensor(index, 0)
    return calls


def _tensors(interpreter: Any) -> tuple[list[_Tensor], list[_Tensor]]:
    """Returns name, index and spec of the inputs and of the outputs; names are those of the signature."""
    signatures = interpreter.get_signature_list()  # tflite-runtime never gives back some memory of each call
    if SIGNATURE not in signatures:
        found = ", ".join(signatures) or "none"
        raise BundleError(f"the .tflite file has no signature {SIGNATURE!r}; its signatures: {found}")
    runner = interpreter.get_signature_runner(SIGNATURE)
    sides = {"input": runner.get_input_details(), "output": runner.get_output_details()}
    for side, details in sides.items():
        if not details:
            raise BundleError(f"the .tflite file has no {side}; a bundle's files have at least one")
    given, made = (
        [_tensor(side, name, details) for name, details in found.items()] for side, found in sides.items()
    )
    return given, made


def _tensor(side: str, name: str, details: Mapping[str, Any]) -> _Tensor:
    what = f"the .tflite file's {side} {name!r}"
    dtype = np.dtype(details["dtype"]).name
    if dtype not in DTYPES:
        raise BundleError(f"{what} is {dtype}, expected one of {', '.join(DTYPES)}")
    shape = tuple(int(extent) for extent in details["shape_signature"])
    # The converter writes 1 for the open batch of quantized outputs; the engine takes any batch all the same.
    open_batch = (-1,) if side == "input" else (-1, 1)
    if not shape or shape[0] not in open_batch or -1 in shape[1:]:
        raise BundleError(f"{what} has the shape {list(shape)}, expected -1 for the batch and nowhere else")
    return name, int(details["index"]), TensorSpec(dtype, (None, *shape[1:]))
