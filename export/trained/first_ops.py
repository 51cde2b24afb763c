"""Which inputs of a SavedModel are numbers of rows in tables, as of embeddings: its graph tells.

Keras 2 feeds tables of embeddings with floats, so the dtype does not.  TensorFlow has no public function that gives the
graph without calls and variables. Read in tensorflow 2.16 and 2.21.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from export.trained.first_layers import FirstLayers

# Operations that pass numbers on, or only arrange them anew.
_PASSES = ("Identity", "Cast", "Reshape", "ExpandDims", "Squeeze", "StopGradient", "Transpose", "Pack")
# Those that look at the sizes or mask the padding.
_LOOKS = ("Shape", "Size", "Rank", "NotEqual", "Equal")
_MOST_STEPS = 50


@dataclass(frozen=True)
class Embedding:
    """A table of embeddings, as `FirstLayers` knows the layers of Keras."""

    input_dim: int


def first_ops(signature: Any) -> tuple[FirstLayers, ...]:
    """For each input of a SavedModel's signature, in the order of their names, what takes it first."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        inputs = convert_variables_to_constants_v2(signature, lower_control_flow=False).inputs
    except Exception:  # what TensorFlow cannot freeze can still be called; then nothing is known
        return (FirstLayers(),) * len(signature.structured_input_signature[1])
    return tuple(FirstLayers(tuple(_behind(tensor, _MOST_STEPS))) for tensor in inputs)


def _behind(tensor: Any, steps: int) -> Iterator[Any]:
    """The tables that look a tensor up, and all other operations that compute something with it."""
    for operation in tensor.consumers() if steps else ():
        if operation.type in _PASSES:
            yield from _behind(operation.outputs[0], steps - 1)
        elif operation.type == "GatherV2" and operation.inputs[1] is tensor and operation.inputs[0].shape[0]:
            yield Embedding(operation.inputs[0].shape[0])
        elif operation.type not in _LOOKS:
            yield operation
