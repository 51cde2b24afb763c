"""The calls of a Keras model's layers, with the values that they take and give.

Names in an exported file are no evidence: tracing, converters and we ourselves change them.  So each call of a layer is
recorded while the model runs, and found again in the file by its values.

That all layers and operations are called through `keras.Operation.__call__` is not documented. Read in keras 3.12 and
3.15.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from export.trained.original_model import OriginalModel
from runtime.errors import ModelError

INPUT = -1  # what the number of a call is where the model's own input is taken


class LayerCall(NamedTuple):
    """One call of a layer, or of an operation of `keras.ops`, by a model.

    Attributes:
        name: the layer's name, behind those of the nested models that it is in (`encoder/dense`); from the second call
            of the same layer on with its number (`dense#2`).
        kind: the class, such as Conv2D.
        parameters: how many weights it has.
        inputs: the numbers of the calls whose outputs it takes; `INPUT` stands for an input of the model.
        outputs: what it gives, [n, …] each; floats as float32.
    """

    name: str
    kind: str
    parameters: int
    inputs: tuple[int, ...]
    outputs: tuple[np.ndarray, ...]


def layer_calls(model: OriginalModel, feeds: Mapping[str, np.ndarray]) -> list[LayerCall]:
    """The calls in the order in which they run.

    A call inside another layer, as that of a cell in an LSTM, belongs to that layer; only models are looked into.

    Args:
        model: the trained model.
        feeds: raw values by input name, [n, …] each, in the dtypes of a file's tensors.

    Raises:
        ModelError: it is a SavedModel, which has no layers any more.
    """
    if model.keras is None:
        raise ModelError(
            f"{model.loaded.path.name} is a SavedModel, which keeps no Keras layers to tell apart; diagnose the model "
            "from its .keras or .h5 file"
        )
    import keras
    import tensorflow as tf

    given = {name: tf.constant(values) for name, values in model.edge(feeds).items()}
    with _recorder() as record:
        model.serve(given)
    number: dict[int, int] = {}
    count: dict[str, int] = {}
    calls: list[LayerCall] = []
    for path, operation, taken, made in record:
        inputs = [number.get(id(tensor), INPUT) for tensor in _tensors(keras, taken)]
        outputs = _tensors(keras, made)
        for tensor in outputs:
            # A layer that gives back what it took, as Dropout does, makes no new tensor; the next takes it from here.
            number[id(tensor)] = len(calls)
        name = "/".join((*path, operation.name))
        count[name] = count.get(name, 0) + 1
        calls.append(
            LayerCall(
                name if count[name] == 1 else f"{name}#{count[name]}",
                type(operation).__name__,
                sum(int(np.prod(weight.shape)) for weight in getattr(operation, "weights", ())),
                tuple(dict.fromkeys(inputs)),
                tuple(map(_array, outputs)),
            )
        )
    return calls


Record = list[tuple[tuple[str, ...], Any, Any, Any]]  # path of models, operation, what it took, what it gave


@contextmanager
def _recorder() -> Iterator[Record]:
    """Inside the block, what models call is recorded; its tensors are kept, so that each has an id of its own."""
    import keras

    record: Record = []
    running: list[Any] = []
    original = keras.Operation.__call__

    def call(operation: Any, *arguments: Any, **named: Any) -> Any:
        direct = not isinstance(operation, keras.Model) and all(
            isinstance(outer, keras.Model) for outer in running
        )
        path = tuple(outer.name for outer in running[1:])
        running.append(operation)
        try:
            made = original(operation, *arguments, **named)
        finally:
            running.pop()
        if direct:
            record.append((path, operation, (arguments, named), made))
        return made

    keras.Operation.__call__ = call
    try:
        yield record
    finally:
        keras.Operation.__call__ = original


def _tensors(keras: Any, structure: Any) -> list[Any]:
    return [part for part in keras.tree.flatten(structure) if keras.ops.is_tensor(part)]


def _array(tensor: Any) -> np.ndarray:
    found: np.ndarray = np.asarray(tensor)
    return found.astype(np.float32) if found.dtype.kind == "f" else found
