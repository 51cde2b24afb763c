"""The graph of a Keras model: what made a tensor, and what each layer is called with.

Keras documents neither the nodes of its graphs nor the history of a tensor. Read in keras 3.12 and 3.15.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# Layers that do something in training alone: to a trained model they pass numbers on as they are.
ONLY_IN_TRAINING = (
    "Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout",
    "GaussianNoise", "ActivityRegularization",
)  # fmt: skip


class Maker(NamedTuple):
    """What made a symbolic tensor.

    Attributes:
        operation: the layer or operation.
        call: which of its calls, from 0.
        place: which of that call's outputs the tensor is, from 0.
    """

    operation: Any
    call: int
    place: int


class Call(NamedTuple):
    """One call of a layer or operation: the symbolic tensors that it takes and gives, in order."""

    inputs: list[Any]
    outputs: list[Any]


def maker(tensor: Any) -> Maker:
    """Returns what made a symbolic tensor."""
    return Maker(*tensor._keras_history)


def calls(operation: Any) -> list[Call]:
    """Returns the calls of a layer or operation, in their order; none where it was never called on symbolic tensors."""
    return [Call(node.input_tensors, node.output_tensors) for node in operation._inbound_nodes]


def operations(model: Any) -> list[Any]:
    """Returns the layers and operations of a model's graph; a Sequential model keeps its graph to itself."""
    return list(getattr(getattr(model, "_functional", None) or model, "operations", ()))
