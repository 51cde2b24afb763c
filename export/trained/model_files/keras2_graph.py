"""The calls of a functional model of Keras 2, as Keras 3 records them.

Keras 2 writes each tensor as [layer, call, output], wraps a single one into a list, and repeats a call's other
arguments beside each of its tensors; calls of TensorFlow functions stand among the layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from export.trained.model_files import tf_calls
from export.trained.model_files.config import Config

_RECURRENT = ("RNN", "LSTM", "GRU", "SimpleRNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D")
_CALLS = ("TFOpLambda", "SlicingOpLambda")
_CONSTANT = "_CONSTANT_VALUE"


@dataclass(frozen=True)
class _Node:
    """One call of a layer: what it is called with first (tensors in any structure), and its other arguments."""

    first: Any
    arguments: Config


def upgraded(config: Config, layer: Callable[[Config], Config], file: str) -> Config:
    """A functional model's settings with each layer as `layer` upgrades it.

    Raises:
        ModelError: it calls a TensorFlow function for which Keras 3 has no operation.
    """
    return _Graph(config, layer, file).upgraded()


def safe(name: str) -> str:
    """A layer's name as Keras 3 allows it: without the slashes that Keras 2 did."""
    return name.replace("/", "_")


class _Graph:
    def __init__(self, config: Config, layer: Callable[[Config], Config], file: str) -> None:
        self._config, self._layer, self._file = config, layer, file
        self._kinds = {str(entry["name"]): str(entry["class_name"]) for entry in config["layers"]}
        self._nodes = {
            str(entry["name"]): [self._node(node, entry["class_name"]) for node in entry["inbound_nodes"]]
            for entry in config["layers"]
        }
        self._first_call = self._first_calls()

    def upgraded(self) -> Config:
        layers = [
            self._operation(entry) if entry["class_name"] in _CALLS else self._called(entry)
            for entry in self._config["layers"]
        ]
        ends = {
            which: self._mapped(self._unwrapped(self._config[which]), self._end)
            for which in ("input_layers", "output_layers")
        }
        return {
            "name": self._config.get("name", "model"),
            "trainable": self._config.get("trainable", True),
            "layers": layers,
            **ends,
        }

    def _first_calls(self) -> dict[str, int]:
        """The lowest call that is referred to, by layer.

        Keras 2 counts the calls of a nested model from 1, since building it was its call 0; Keras 3 from 0.
        """
        nodes = [[node.first, node.arguments] for each in self._nodes.values() for node in each]
        found: dict[str, int] = {}
        for name, call in self._references(
            [self._config["input_layers"], self._config["output_layers"], nodes]
        ):
            found[name] = min(call, found.get(name, call))
        return found

    def _tensor(self, name: str, call: int, index: int) -> Config:
        place = [safe(name), call - self._first_call[name], index]
        # Keras 3 looks up the tensor by its place; the shape is not read.
        inner = {"shape": [None], "dtype": "float32", "keras_history": place}
        return {"class_name": "__keras_tensor__", "config": inner}

    def _end(self, name: str, call: int, index: int) -> list[Any]:
        # Among a model's own inputs and outputs, and only there, Keras 3 counts the calls of a functional one from 1.
        from_one = self._kinds[name] in ("Functional", "Model")
        return [safe(name), call - self._first_call[name] + from_one, index]

    def _node(self, node: Any, kind: str) -> _Node:
        arguments: Config = {}

        def without_arguments(*reference: Any) -> list[Any]:
            arguments.update(*reference[3:])
            return list(reference[:3])

        first = self._mapped(node, without_arguments, constants=False)
        first = first if kind in _CALLS else self._unwrapped(first)
        return _Node(first, {key: value for key, value in arguments.items() if value is not None})

    def _called(self, entry: Config) -> Config:
        """A layer with its calls."""
        calls = []
        for node in self._nodes[str(entry["name"])]:
            first, arguments = node.first, dict(node.arguments)
            if (
                entry["class_name"] in _RECURRENT
                and isinstance(first, list)
                and not self._is_reference(first)
            ):
                first, arguments["initial_state"] = first[0], first[1:]
            calls.append(
                {"args": [self._mapped(first, self._tensor)], "kwargs": self._mapped(arguments, self._tensor)}
            )
        return {**self._layer(entry), "name": safe(str(entry["name"])), "inbound_nodes": calls}

    def _operation(self, entry: Config) -> Config:
        """A call of a TensorFlow function, as the operation of Keras 3."""
        name, symbol = str(entry["name"]), str(entry["config"]["function"])
        row = tf_calls.known(symbol, name, self._file)
        settings: Config = {}
        calls = []
        for node in self._nodes[name]:
            if symbol == tf_calls.SLICE:
                others: list[Any] = [_slices(node.arguments["slice_spec"])]
            else:
                tensors, settings = tf_calls.split(row, node.arguments, name, self._file)
                others = [_array(self._mapped(value, self._tensor)) for value in tensors]
            first = _array(self._mapped(node.first, self._tensor))
            calls.append({"args": [first, *others], "kwargs": {}})
        place = {"module": row.module, "class_name": row.class_name, "registered_name": row.class_name}
        return {
            **place,
            "config": {"name": safe(name), **settings},
            "name": safe(name),
            "inbound_nodes": calls,
        }

    def _is_reference(self, value: Any) -> bool:
        """Whether this is [layer, call, output], perhaps with arguments as a fourth, or a constant in that form."""
        if not isinstance(value, list) or len(value) not in (3, 4) or not isinstance(value[0], str):
            return False
        return value[0] == _CONSTANT or (value[0] in self._kinds and isinstance(value[1], int))

    def _mapped(self, value: Any, leaf: Callable[..., Any], constants: bool = True) -> Any:
        """The same structure with `leaf(layer, call, output)` for each tensor; constants become plain values."""
        if self._is_reference(value):
            return value[2] if constants and value[0] == _CONSTANT else leaf(*value)
        if isinstance(value, list):
            return [self._mapped(item, leaf, constants) for item in value]
        if isinstance(value, dict):
            return {key: self._mapped(item, leaf, constants) for key, item in value.items()}
        return value

    def _references(self, value: Any) -> Iterator[tuple[str, int]]:
        if self._is_reference(value):
            if value[0] != _CONSTANT:
                yield value[0], value[1]
        elif isinstance(value, list | dict):
            for item in value.values() if isinstance(value, dict) else value:
                yield from self._references(item)

    def _unwrapped(self, value: Any) -> Any:
        """A single tensor out of its list."""
        single = isinstance(value, list) and len(value) == 1 and not self._is_reference(value)
        return value[0] if single else value


def _array(value: Any) -> Any:
    """A list of numbers as an array, since an operation of Keras 3 takes a list for a list of tensors."""
    if isinstance(value, list) and value and not any(isinstance(item, dict) for item in value):
        return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}
    return value


def _slices(spec: Any) -> list[Any]:
    """`x[1:3, 0]` as Keras 3 records it."""
    return [
        {"class_name": "__slice__", "config": {key: place.get(key) for key in ("start", "stop", "step")}}
        if isinstance(place, dict)
        else place
        for place in (spec if isinstance(spec, list) else [spec])
    ]
