"""Layers that are the activation of another layer, as in `Dense(8, activation=PReLU())`.

Keras 2 built such a layer with the one that it belongs to.  Keras 3 builds it at the first call on data, which is after
the weights were read: those of the activation would be lost.  Here it gets the shape it is built for beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from export.formats.unsupported import inner_layers
from export.trained.model_files.config import Config, entries, name_of
from runtime.errors import ModelError

_WORDS = ("activation", "recurrent_activation")
_Names = tuple[str, str]  # of the layer, and of the layer that is its activation


def declare_shapes(config: Config, build: Callable[[], Any], file: str) -> None:
    """Gives each activation that is a layer with weights the shape it is built for, in place.

    Args:
        config: the model's, as Keras 3 writes it.
        build: makes the model of it, without weights; called only where there is such an activation.
        file: its name, for the error.

    Raises:
        ModelError: the shape is not known, so that the activation's weights could not be read.
    """
    inner = {names: entry for names, entry in _in_config(config) if "build_config" not in entry}
    if not inner:
        return
    for names, owner in _unbuilt(build()):
        shape = _shape(owner)
        if names not in inner or shape is None:
            raise _unreadable(file, *names)
        inner[names]["build_config"] = {"input_shape": shape}


def _in_config(config: Config) -> Iterator[tuple[_Names, Config]]:
    """Activations in a configuration that are layers."""
    for entry in entries(config):
        words = entry["config"] if isinstance(entry["config"], dict) else {}
        for found in (words.get(word) for word in _WORDS):
            if (
                isinstance(found, dict)
                and isinstance(found.get("config"), dict)
                and "name" in found["config"]
            ):
                yield (name_of(entry), name_of(found)), found


def _unbuilt(model: Any) -> Iterator[tuple[_Names, Any]]:
    """Layers of a model whose activation is a layer that has not made its weights yet."""
    import keras

    for owner in inner_layers(model):
        for activation in (getattr(owner, word, None) for word in _WORDS):
            if isinstance(activation, keras.layers.Layer) and not activation.built:
                yield (owner.name, activation.name), owner


def _shape(owner: Any) -> list[int | None] | None:
    """The shape of what a layer gives its activation, which is that of its own output; None where it is not known."""
    try:
        shape = owner.compute_output_shape(owner.get_build_config()["input_shape"])
        return [None if size is None else int(size) for size in shape]
    except Exception:  # Keras raises whatever its layers raise
        return None


def _unreadable(file: str, owner: str, activation: str) -> ModelError:
    return ModelError(
        f"{file} cannot be loaded: the weights of the layer {activation!r}, the activation of the layer {owner!r}, "
        "cannot be read there; make it a layer of its own behind that one, and save the model again"
    )
