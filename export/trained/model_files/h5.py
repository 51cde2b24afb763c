"""Models in HDF5 files: the configuration of any Keras from 2.0 on, and the weights, matched by the layers' names.

Keras matches the layers' weights by their order alone, so two of one shape could change places without an error.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from export.trained.model_files import keras2
from export.trained.model_files.config import Config
from export.trained.model_files.keras2_graph import safe
from export.trained.model_files.losses import Recorded
from runtime.errors import ModelError


def read(path: Path) -> tuple[Config, Recorded]:
    """The model's configuration as Keras 3 writes it, and what else the file records.

    Raises:
        ModelError: there are weights alone, Keras 1 wrote the file, or Keras 3 has no word for something in it.
    """
    import h5py  # type: ignore[import-untyped]

    with h5py.File(path, "r") as file:
        attributes = {
            name: _text(file.attrs[name]) for name in file.attrs if isinstance(file.attrs[name], str | bytes)
        }
    if "model_config" not in attributes:
        raise ModelError(
            f"{path.name} holds weights without the model that they belong to; build the model in Python, call "
            f"model.load_weights({path.name!r}), and save it whole: model.save('model.keras')"
        )
    version = attributes.get("keras_version", "1")
    major = int(version.partition(".")[0])
    if major < 2:
        raise ModelError(
            f"{path.name} was saved by Keras {version}; files of Keras 2 and 3 can be read: load it with Keras 2.2 and "
            "save it again there"
        )
    config = json.loads(attributes["model_config"], object_hook=_plain)
    loss = json.loads(attributes.get("training_config", "{}")).get("loss")
    return keras2.upgraded(config, major, path.name), Recorded(version, loss)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _plain(value: dict[str, Any]) -> Any:
    """Keras' own wrappings in JSON, as what they wrap."""
    if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
        return value["items"]
    return value


def load_weights(model: Any, path: Path) -> None:
    """Gives the model the file's weights.

    Raises:
        ModelError: a layer of the file is not in the model, or its weights have other names, number or shapes.
    """
    import h5py  # type: ignore[import-untyped]

    layers = {layer.name: layer for layer in model.layers}
    left = {name for name, layer in layers.items() if layer.variables and _variables(layer)}
    with h5py.File(path, "r") as file:
        group = file["model_weights"]
        for saved in _names(group, "layer_names"):
            weights = _names(group[saved], "weight_names")
            if not weights:
                continue
            name = safe(saved)
            if name not in left:
                raise ModelError(
                    f"{path.name} is damaged: it holds weights of the layer {saved!r}, which the model has not"
                )
            left.remove(name)
            _assign(layers[name], [(weight, _numbers(group[saved][weight])) for weight in weights], path.name)
    if left:
        raise ModelError(f"{path.name} is damaged: it has no weights for the layer {sorted(left)[0]!r}")


def _numbers(dataset: Any) -> np.ndarray:
    """A dataset's numbers; HDF5 knows no bfloat16, which is the upper half of a float32, and keeps it as two bytes."""
    values = np.asarray(dataset)
    if values.dtype.kind != "V" or values.dtype.itemsize != 2:
        return values
    return (values.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def _variables(layer: Any) -> list[Any]:
    """A layer's variables in the order of HDF5 files: those that are trained come first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _names(group: Any, name: str) -> list[str]:
    """A list of names, which Keras cuts into numbered parts where it is long."""
    if name in group.attrs:
        return [_text(value) for value in group.attrs[name]]
    parts: Iterator[str] = (f"{name}{index}" for index in range(len(group.attrs)))
    return [_text(value) for part in parts if part in group.attrs for value in group.attrs[part]]


def _assign(layer: Any, weights: list[tuple[str, np.ndarray]], file: str) -> None:
    variables = _variables(layer)
    if hasattr(layer, "adapt") and len(weights) == len(variables) + 1:
        weights = [
            pair for pair in weights if not _last(pair[0]).startswith("count")
        ]  # of no use after training
    matched = _matched(layer, variables, weights)
    if len(weights) != len(variables) or matched is None:
        raise ModelError(
            f"{file} cannot be loaded: the layer {layer.name!r} has the weights "
            f"{', '.join(f'{_last(variable.path)} {list(variable.shape)}' for variable in variables)}, the file has "
            f"{', '.join(f'{_last(name)} {list(values.shape)}' for name, values in weights)}; save the model again "
            "with Keras 3 as .keras"
        )
    for variable, values in matched:
        variable.assign(values)
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()


def _matched(
    layer: Any, variables: list[Any], weights: list[tuple[str, np.ndarray]]
) -> list[tuple[Any, np.ndarray]] | None:
    """Each variable with its values; None where names or shapes disagree."""
    pairs = [(variable, *weight) for variable, weight in zip(variables, weights, strict=False)]
    for variable, name, values in pairs:
        if tuple(variable.shape) != values.shape or not _same_name(layer, variable.path, name):
            return None
    return [(variable, values) for variable, _, values in pairs]


def _same_name(layer: Any, path: str, name: str) -> bool:
    """Whether a variable's and a saved weight's last names agree, and inside a nested model the layers' names too."""
    if _last(path) != _last(name) and not (
        _last(path).startswith("variable") or _last(name).startswith("variable")
    ):
        return False
    inner = {inner.name for inner in getattr(layer, "layers", [])}
    here = [part for part in path.split("/") if part in inner]
    there = [part for part in name.split("/") if part in inner]
    return not here or not there or here[-1] == there[-1]


def _last(name: str) -> str:
    """`dense_1/kernel_2:0` is a `kernel`; so is what Keras 2 called the `depthwise_kernel`."""
    last = name.rpartition("/")[2].partition(":")[0]
    stem, _, number = last.rpartition("_")
    return (stem if number.isdigit() and stem else last).replace("depthwise_kernel", "kernel")
