"""The configuration of a model saved by Keras 2 (standalone or tf.keras), or by Keras 3 as `.h5`, as Keras 3 writes it.

Keras 3 itself reads few files of Keras 2: layers carry words that it no longer knows, calls of TensorFlow functions
and of layers with several tensors are recorded in another way, and one activation changed its meaning.

A file of Keras 3 names the modules of its operations, and of the layers that it keeps for old files alone; Keras
documents neither. Read in keras 3.12 and 3.15.
"""

from __future__ import annotations

import inspect
from typing import Any

from export.trained.model_files import keras2_graph
from export.trained.model_files.config import MODELS, Config
from export.trained.model_files.keras2_graph import safe
from runtime.errors import ModelError

# Keras 2's hard_sigmoid is clip(0.2 x + 0.5), Keras 3's is relu6(x + 3) / 6: the old one is registered here.
HARD_SIGMOID = "edgeproof>hard_sigmoid_of_keras_2"
_ANYTHING, _KEPT = object(), object()
# Words of Keras 2 that say nothing new to Keras 3 when they have this value; with another one the layer is refused.
_SILENT: dict[str, Any] = {
    "batch_input_shape": _ANYTHING, "input_dtype": _ANYTHING, "implementation": _ANYTHING, "fused": _ANYTHING,
    "input_length": _ANYTHING, "query_shape": _ANYTHING, "key_shape": _ANYTHING, "value_shape": _ANYTHING,
    "function_type": _ANYTHING, "module": _ANYTHING, "output_shape_type": _ANYTHING, "output_shape_module": _ANYTHING,
    "time_major": False, "virtual_batch_size": None, "renorm": False, "adjustment": None, "causal": False,
    "softmax_robust_masking": False,
}  # fmt: skip
_ONE_GROUP = (
    "Depthwise",
    "Separable",
    "Transpose",
)  # Keras 2 gives every convolution `groups`; these never have any
# What only training needs: an old or custom initializer is no reason to refuse a trained model.
_TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")
_RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Model": "Functional",
}
_NO_LAYER = ("DTypePolicy", "DTypePolicyMap", "Policy", "function")


def hard_sigmoid(x: Any) -> Any:
    """max(0, min(1, 0.2 x + 0.5)), as Keras 2 defines it."""
    from keras import ops

    return ops.clip(x * 0.2 + 0.5, 0.0, 1.0)


def register() -> None:
    """Makes what upgraded models need known to Keras in this process; calling it again changes nothing."""
    import keras

    package, _, name = HARD_SIGMOID.partition(">")
    if keras.saving.get_registered_object(HARD_SIGMOID) is None:
        keras.saving.register_keras_serializable(package, name)(hard_sigmoid)


def upgraded(config: Config, major: int, file: str) -> Config:
    """The same model as Keras 3 writes it into `.keras` files; `major` is the version that wrote this one.

    Raises:
        ModelError: a layer says what Keras 3 has no word for; the message names it.
    """
    return _Upgrade(major, file, _operations()).layer(config)


def _operations() -> dict[str, str]:
    """The module of every operation that Keras 3 may write into a functional model, by class name."""
    from keras.src.ops import core, image, linalg, math, nn, numpy
    from keras.src.ops.operation import Operation

    return {
        name: module.__name__
        for module in (image, linalg, math, core, nn, numpy)
        for name, kind in vars(module).items()
        if isinstance(kind, type) and issubclass(kind, Operation)
    }


class _Upgrade:
    def __init__(self, major: int, file: str, operations: dict[str, str]) -> None:
        self._major, self._file, self._operations = major, file, operations

    def layer(self, entry: Config) -> Config:
        """One layer or model with all that is inside it."""
        import keras

        full_name = str(entry["class_name"])
        kind = full_name.rpartition(">")[2]
        kind = _RENAMED.get(kind, kind) if self._major < 3 else kind
        config = entry["config"]
        if kind in MODELS:
            return self._model(entry, kind)
        if kind == "InputLayer":
            return _entry(entry, "keras.layers", kind, self._input(config))
        if self._major >= 3 and kind in self._operations and "trainable" not in config:
            return _entry(entry, self._operations[kind], kind, config)
        if ">" in full_name or _class(kind) is None:
            return _entry(entry, None, kind, config, entry.get("registered_name") or full_name)
        module = "keras.layers" if hasattr(keras.layers, kind) else "keras.src.legacy.layers"
        return _entry(entry, module, kind, self._words(kind, config))

    def _model(self, entry: Config, kind: str) -> Config:
        config = entry["config"]
        if kind == "Sequential" or isinstance(config, list) or "input_layers" not in config:
            return _entry(entry, "keras", "Sequential", self._sequential(config))
        if self._major < 3:
            inner = keras2_graph.upgraded(config, self.layer, self._file)
        else:
            inner = {**config, "layers": [self.layer(inner) for inner in config["layers"]]}
        return _entry(entry, "keras.src.models.functional", "Functional", inner)

    def _sequential(self, config: Any) -> Config:
        config = {"name": "sequential", "layers": config} if isinstance(config, list) else config
        layers = [self.layer(entry) for entry in config["layers"]]
        first = config["layers"][0]
        shape = first["config"].get("batch_input_shape") if isinstance(first["config"], dict) else None
        if shape and first["class_name"] != "InputLayer":
            dtype = first["config"].get("dtype", "float32")
            given = {
                "batch_shape": shape,
                "dtype": dtype if isinstance(dtype, str) else "float32",
                "name": safe(f"{first['config']['name']}_input"),
            }
            layers.insert(0, {"module": "keras.layers", "class_name": "InputLayer", "config": given})
        return {**config, "layers": layers}

    @staticmethod
    def _input(config: Config) -> Config:
        changed = {key: value for key, value in config.items() if key != "batch_input_shape"}
        if "batch_input_shape" in config:
            changed["batch_shape"] = config["batch_input_shape"]
        return {**changed, "name": safe(str(config["name"]))}

    def _words(self, kind: str, config: Config) -> Config:
        """A layer's own settings in the words of Keras 3."""
        if self._major >= 3:
            return {key: self._nested(value) for key, value in config.items()}
        changed: Config = {}
        for key, value in config.items():
            if key.endswith(_TRAINING_ONLY):
                continue
            silent = (
                1 if key == "groups" and any(word in kind for word in _ONE_GROUP) else _SILENT.get(key, _KEPT)
            )
            if silent is _KEPT:
                changed[key] = self._nested(value)
            elif silent is not _ANYTHING and value != silent:
                raise ModelError(
                    f"{self._file} cannot be loaded: its layer {config.get('name')!r} ({kind}) was saved by Keras 2 "
                    f"with {key}={value!r}, which Keras 3 has no word for (it knows {silent!r}); build the model "
                    "without it, or save it with Keras 3"
                )
        if isinstance(changed.get("dtype"), dict):  # a policy, which Keras 3 keeps in another class
            changed["dtype"] = changed["dtype"]["config"]["name"]
        if isinstance(changed.get("axis"), list) and len(changed["axis"]) == 1:
            changed["axis"] = changed["axis"][0]
        for key in ("activation", "recurrent_activation"):
            if changed.get(key) == "hard_sigmoid":
                changed[key] = {
                    "module": None, "class_name": "function", "config": HARD_SIGMOID, "registered_name": HARD_SIGMOID,
                }  # fmt: skip
        if kind in ("GRU", "GRUCell"):
            changed.setdefault("reset_after", False)  # Keras 2.0 had no such word, and that way alone
        accepted = inspect.signature(_class(kind).__init__).parameters
        if "kwargs" not in accepted:  # a few layers of Keras 3 take their own words alone
            changed = {
                key: value
                for key, value in changed.items()
                if key in accepted or not (value is None or key == "trainable")
            }
        if "name" in changed:
            changed["name"] = safe(str(changed["name"]))
        return changed

    def _nested(self, value: Any) -> Any:
        """Layers inside a layer's settings: the cell of an RNN, what a wrapper wraps."""
        if isinstance(value, list):
            return [self._nested(item) for item in value]
        if not isinstance(value, dict) or not {"class_name", "config"} <= value.keys():
            return value
        if (
            value["class_name"] in _NO_LAYER
            or not isinstance(value["config"], dict)
            or "name" not in value["config"]
        ):
            return value
        return self.layer(value)


def _class(kind: str) -> Any:
    """A layer class of Keras 3, or None; two that Keras 3 keeps for old files alone are among them."""
    import keras
    from keras.src.legacy import layers as legacy

    return getattr(keras.layers, kind, None) or vars(legacy).get(kind)


def _entry(
    old: Config, module: str | None, kind: str, config: Config, registered: str | None = None
) -> Config:
    """A layer as Keras 3 records it, with its place in a functional model.

    Its class is looked up among the user's objects first, under `registered` or its own name.
    """
    place = {key: value for key, value in old.items() if key in ("name", "inbound_nodes")}
    return {
        "module": module, "class_name": kind, "config": config, "registered_name": registered or kind, **place,
    }  # fmt: skip
