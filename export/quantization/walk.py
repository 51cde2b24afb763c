"""A Keras model layer by layer: its answers, and what they would be in eight bits.

The simulation knows neither format: weights are rounded for each output channel, what a layer gives is rounded for the
whole tensor, with the extremes of some samples.  It tells what helps from what does not before anything is converted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

Values = dict[int, np.ndarray]  # by the id of a symbolic tensor
_LEVELS, _LARGEST = 255, 127


class Unsuited(Exception):
    """The model is no chain of layers that can be called one by one."""


class Walk:
    """A functional or sequential model, every layer of which is called once.

    Attributes:
        operations: its layers and operations, in an order in which they can be computed.
        users: by the id of a symbolic tensor, the operations that take it; None for the model's end.
    """

    def __init__(self, model: Any) -> None:
        """Raises Unsuited where there is no graph."""
        import keras
        from keras import tree

        graph = keras.Model(model.inputs, model.outputs) if isinstance(model, keras.Sequential) else model
        self._inputs = {tensor.name: id(tensor) for tensor in graph.inputs or ()}
        self._outputs = [id(tensor) for tensor in tree.flatten(graph.outputs or ())]
        self._kept_alive = graph
        self.users: dict[int, list[Any]] = defaultdict(list)
        try:
            self.operations = [
                operation
                for operation in graph.operations
                if not isinstance(operation, keras.layers.InputLayer)
            ]
            for operation in self.operations:
                for tensor in tree.flatten(operation.input):
                    self.users[id(tensor)].append(operation)
        except (AttributeError, ValueError) as error:
            raise Unsuited from error
        for tensor in self._outputs:
            self.users[tensor].append(None)

    def user(self, operation: Any) -> Any:
        """The only operation that takes what this one gives; None where there are several, or the model ends."""
        takers = self.users[id(operation.output)]
        return takers[0] if len(takers) == 1 else None

    def values(
        self, feed: Mapping[str, Any], ranges: Mapping[int, tuple[float, float]] | None = None
    ) -> Values:
        """What every operation gives, in float32, or rounded to eight bits of these ranges.

        Args:
            feed: by the name of an input, [n, …].
            ranges: by tensor, the lowest and highest value.

        Raises:
            Unsuited: an operation cannot be called with what it takes alone, or a layer is called several times.
        """
        from keras import tree

        found: Values = {place: np.asarray(feed[name]) for name, place in self._inputs.items()}
        for operation in self.operations:
            try:
                taken = tree.map_structure(lambda tensor: found[id(tensor)], operation.input)
                given = operation(*taken) if _takes_several(operation, taken) else operation(taken)
            except Exception as error:  # whatever a layer raises that wants more
                raise Unsuited from error
            pairs = zip(tree.flatten(operation.output), tree.flatten(given), strict=True)
            for tensor, value in pairs:
                found[id(tensor)] = np.asarray(value)
                if ranges is not None and id(tensor) in ranges and self._is_stored(operation):
                    found[id(tensor)] = _rounded(found[id(tensor)], ranges[id(tensor)])
        return found

    def answers(self, values: Values) -> list[np.ndarray]:
        """The model's outputs among these values.

        Raises:
            Unsuited: they are not there, since a layer is called several times.
        """
        if not all(place in values for place in self._outputs):
            raise Unsuited
        return [values[place] for place in self._outputs]

    def in_eight_bits(
        self, feed: Mapping[str, Any], ranges: Mapping[int, tuple[float, float]]
    ) -> list[np.ndarray]:
        """The model's outputs with weights and activations rounded to eight bits."""
        with self._rounded_weights():
            return self.answers(self.values(feed, ranges))

    @contextmanager
    def _rounded_weights(self) -> Iterator[None]:
        kernels = [kernel for operation in self.operations if (kernel := kernel_of(operation)) is not None]
        before = [np.array(kernel.numpy()) for kernel in kernels]
        axes = [channel_axes(operation) for operation in self.operations if kernel_of(operation) is not None]
        try:
            for kernel, values, kept in zip(kernels, before, axes, strict=True):
                kernel.assign(rounded_weights(values, kept))
            yield
        finally:
            for kernel, values in zip(kernels, before, strict=True):
                kernel.assign(values)

    def _is_stored(self, operation: Any) -> bool:
        """Whether what an operation gives is rounded: not where it is copied, or a converter computes on."""
        from keras import layers

        copies = (layers.Flatten, layers.Reshape, layers.Dropout, layers.ZeroPadding2D, layers.Rescaling)
        if isinstance(operation, copies):
            return False
        behind = self.user(operation)
        is_activation = isinstance(behind, layers.Activation | layers.ReLU)
        computes_on = isinstance(behind, layers.BatchNormalization) or (
            is_activation and _name(behind) in ("relu", "relu6", "linear")
        )
        products = kernel_of(operation) is not None or isinstance(operation, layers.BatchNormalization)
        return not (products and computes_on and _name(operation) in ("linear", None))


def _takes_several(operation: Any, taken: Any) -> bool:
    """Whether an operation takes its inputs one by one, as a subtraction does, and not as a list."""
    import keras

    return isinstance(taken, list | tuple) and not isinstance(operation, keras.layers.Layer)


def _name(operation: Any) -> str | None:
    """The name of a layer's activation; None where it has none."""
    import keras
    from keras import layers

    if isinstance(operation, layers.ReLU):
        return "relu" if operation.max_value in (None, 6) else "other"
    function = getattr(operation, "activation", None)
    if function is None:
        return None
    name = keras.activations.serialize(function)
    return name if isinstance(name, str) else "other"


def kernel_of(operation: Any) -> Any:
    """The variable with the weights of a dense layer or convolution; None of others."""
    from keras import layers

    if isinstance(operation, layers.Dense | layers.Conv1D | layers.Conv2D | layers.Conv2DTranspose):
        return operation.kernel
    return operation.kernel if isinstance(operation, layers.DepthwiseConv2D) else None


def channel_axes(operation: Any) -> tuple[int, ...]:
    """The axes of a layer's weights along which each output channel has its own."""
    from keras import layers

    if isinstance(operation, layers.DepthwiseConv2D | layers.Conv2DTranspose):
        return (2, 3) if isinstance(operation, layers.DepthwiseConv2D) else (2,)
    return (len(operation.kernel.shape) - 1,)


def rounded_weights(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Weights rounded to eight bits, symmetrically, each channel by its largest."""
    others = tuple(axis for axis in range(values.ndim) if axis not in axes)
    step = np.abs(values).max(axis=others, keepdims=True) / _LARGEST
    step = np.where(step > 0, step, 1)
    rounded: np.ndarray = (np.rint(values / step) * step).astype(values.dtype)
    return rounded


def ranges_of(values: Values) -> dict[int, tuple[float, float]]:
    """The lowest and highest value of each float tensor, and 0, which every format wants among them."""
    return {
        place: (min(0.0, float(array.min())), max(0.0, float(array.max())))
        for place, array in values.items()
        if array.dtype.kind == "f" and array.size
    }


def _rounded(values: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    low, high = bounds
    step = (high - low) / _LEVELS or 1.0
    rounded: np.ndarray = (np.clip(np.rint((values - low) / step), 0, _LEVELS) * step + low).astype(
        np.float32
    )
    return rounded
