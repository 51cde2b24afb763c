"""What each output of a model means, guessed from its loss, last layers and shape; the user has the last word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from export.trained.keras_graph import ONLY_IN_TRAINING, calls, maker
from export.trained.model_files.loaded import LoadedModel, Loss, Tensor

Task = Literal["classification", "binary", "multilabel", "regression", "reconstruction", "tensor"]
Guess = tuple[Task, str]
_LINEAR = "linear"
# Layers that pass numbers on as they are, or only arrange them anew.
_PASSES = (
    *ONLY_IN_TRAINING, "Identity", "Reshape", "Flatten", "Permute", "Cropping1D", "Cropping2D",
    "Cropping3D", "Squeeze", "ExpandDims", "Transpose", "Cast",
)  # fmt: skip
_ACTIVATIONS = {
    "Softmax": "softmax", "Sigmoid": "sigmoid", "ReLU": "relu", "Relu": "relu", "LeakyReLU": "leaky_relu",
    "Tanh": "tanh", "Softplus": "softplus", "ELU": "elu", "PReLU": "prelu",
}  # fmt: skip
_BINARY = ("binary_crossentropy", "binary_focal_crossentropy")
# Losses of two classes whose outputs are no probabilities; on logits, those of _BINARY are such too.
_MARGINS = ("hinge", "squared_hinge")
_CLASSES = (
    "categorical_crossentropy", "sparse_categorical_crossentropy", "categorical_focal_crossentropy",
    "categorical_hinge",
)  # fmt: skip
_VALUES = (
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error",
    "huber", "log_cosh", "poisson",
)  # fmt: skip


@dataclass(frozen=True)
class _Head:
    """The last layer that computes something, by its class, and the activation that the output went through."""

    kind: str
    activation: str


def guess_task(model: LoadedModel) -> dict[str, Guess]:
    """For each output its task, and the reason in one phrase."""
    import keras

    ends: list[Any] = [None] * len(model.outputs)
    if model.keras is not None:
        ends = keras.tree.flatten(model.keras.outputs)
    return {
        output.name: _guess(
            output, model.inputs, None if end is None else _head(end), model.losses.get(output.name)
        )
        for output, end in zip(model.outputs, ends, strict=True)
    }


def _guess(output: Tensor, inputs: tuple[Tensor, ...], head: _Head | None, loss: Loss | None) -> Guess:
    units = output.shape[-1] if len(output.shape) > 1 else None
    if _is_copy(output, inputs) and (loss is None or loss.name in (*_VALUES, "binary_crossentropy")):
        softmax = head is not None and head.activation == "softmax"
        if not softmax:
            return "reconstruction", "it has the shape of the input"
    if units is None:
        why = (
            "each answer is one number without an axis" if output.shape == (None,) else "its shape is unknown"
        )
        return "tensor", why
    by_loss = _from_loss(units, head, loss)
    return by_loss or _from_head(units, len(output.shape) - 1, head)


def _is_copy(output: Tensor, inputs: tuple[Tensor, ...]) -> bool:
    """Whether an output may be the only input rebuilt: of the same known shape, and more than one number.

    Of several inputs one may be a state, whose next value has its shape too.
    """
    shape = output.shape[1:]
    known = bool(shape) and None not in shape and shape != (1,)
    return known and [tensor.shape[1:] for tensor in inputs] == [shape]


def _from_loss(units: int, head: _Head | None, loss: Loss | None) -> Guess | None:
    if loss is None:
        return None
    why = f"it was trained with {loss.name}" + (" on logits" if loss.from_logits else "")
    if loss.name in _MARGINS or (loss.name in _BINARY and loss.from_logits):
        return "tensor", f"{why}, and gives no probabilities; end the model in a sigmoid for that"
    if loss.name in _BINARY:
        return ("binary" if units == 1 else "multilabel"), why
    if loss.name in _CLASSES and units > 1:
        return "classification", why
    # A softmax can be trained with a squared error too; then the activation says more.
    if loss.name in _VALUES and (head is None or head.activation not in ("softmax", "sigmoid")):
        return "regression", why
    return None


def _from_head(units: int, dimensions: int, head: _Head | None) -> Guess:
    if head is None:
        return "tensor", "the file does not say what its numbers mean"
    if head.activation == "softmax" and units > 1:
        return "classification", f"it ends in a softmax over {units} classes"
    if dimensions > 1:
        return "tensor", f"each answer has {dimensions} dimensions"
    if head.activation == "sigmoid":
        if units == 1:
            return "binary", "it ends in a sigmoid of one unit"
        return "multilabel", f"it ends in a sigmoid of {units} units"
    if head.kind == "Dense" and head.activation != "softmax":
        return "regression", f"it ends in a {head.activation} layer of {units} unit{'s' if units > 1 else ''}"
    return "tensor", f"it ends in {head.kind}, which is no head of a known task"


def _head(end: Any) -> _Head:
    """The head behind one symbolic output, through nested models and layers that pass numbers on."""
    activation = _LINEAR
    while True:
        operation, call, place = maker(end)
        kind = type(operation).__name__
        if hasattr(operation, "layers") and getattr(operation, "outputs", None):
            end = operation.outputs[place]
            continue
        if kind == "TimeDistributed":
            operation, kind = operation.layer, type(operation.layer).__name__
        own = _activation(operation, kind)
        activation = own if activation == _LINEAR else activation
        made = calls(operation)
        given = made[call].inputs if made else []
        passes = kind in _PASSES or kind == "Activation" or kind in _ACTIVATIONS
        if not passes or len(given) != 1:
            return _Head(kind, activation)
        end = given[0]


def _activation(operation: Any, kind: str) -> str:
    if kind in _ACTIVATIONS:
        return _ACTIVATIONS[kind]
    return getattr(getattr(operation, "activation", None), "__name__", _LINEAR)
