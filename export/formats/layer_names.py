"""The user's names for ops: which layer of the Keras model each op of the SavedModel was traced from.

The scopes in an op's name are no evidence: TensorFlow counts them up, so that a layer `conv2d` may have `conv2d_1`.  So
it is written down while the model is traced, in a file beside the SavedModel that does not go into a bundle.

That all layers and operations are called through `keras.Operation.__call__` is not documented. Read in keras 3.12 and
3.15.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# What TensorFlow and tf2onnx put before the names of ops of an inner function.
_OUTER = ("StatefulPartitionedCall/", "PartitionedCall/")


def file_of(saved_model: Path) -> Path:
    """Where the names are kept of the ops of a SavedModel."""
    return saved_model.with_name(f"{saved_model.name}.layers.json")


@contextmanager
def kept(saved_model: Path) -> Iterator[None]:
    """What Keras traces inside the block is written down, and kept beside the SavedModel when the block ends."""
    import keras
    import tensorflow as tf

    found: dict[str, str] = {}
    running: list[Any] = []
    original = keras.Operation.__call__

    def call(operation: Any, *arguments: Any, **named: Any) -> Any:
        if tf.executing_eagerly():
            return original(operation, *arguments, **named)
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        running.append(operation)
        layer = _known_as(running, keras.Model)
        try:
            return original(operation, *arguments, **named)
        finally:
            running.pop()
            if layer:
                for op in graph.get_operations()[before:]:
                    found.setdefault(op.name, layer)

    keras.Operation.__call__ = call
    try:
        yield
    finally:
        keras.Operation.__call__ = original
    file_of(saved_model).write_text(json.dumps(found))


def _known_as(running: list[Any], model: type) -> str | None:
    """The outermost layer that is no model, such as "'encoder/dense' (Dense)"; None where none of them runs."""
    for place, operation in enumerate(running):
        if not isinstance(operation, model):
            path = "/".join(each.name for each in running[min(1, place) : place + 1])
            return f"{path!r} ({type(operation).__name__})"
    return None


def layer_of(op: str, saved_model: Path) -> str | None:
    """The layer that an op was traced from, as "'dense' (Dense)"; None where that is not known.

    An op that is not written down itself, as one inside a loop, is of the layer that all others in its scope are of.
    """
    try:
        found: dict[str, str] = json.loads(file_of(saved_model).read_bytes())
    except OSError:  # the SavedModel was written by something else
        return None
    for outer in _OUTER:
        op = op.removeprefix(outer)
    if op in found:
        return found[op]
    scope = op.rpartition("/")[0]
    while scope:
        layers = {layer for name, layer in found.items() if name.startswith(f"{scope}/")}
        if layers:
            return layers.pop() if len(layers) == 1 else None
        scope = scope.rpartition("/")[0]
    return None
