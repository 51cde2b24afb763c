"""Names of layers that TensorFlow does not take, such as "first layer": people give them, and Keras saves them."""

from __future__ import annotations

import re
from typing import Any

# What TensorFlow wants of the name of a scope, at the root of a graph too.
_NOT_FIRST, _NOWHERE = re.compile(r"^[^A-Za-z0-9.]"), re.compile(r"[^A-Za-z0-9_.\\/>-]")


def accept_any_name() -> None:
    """Lets Keras trace a layer of any name in this process; calling it again changes nothing.

    Keras opens a scope of TensorFlow for each layer, under the layer's name. In a graph TensorFlow refuses blanks, all
    letters but those of English, and a first underscore; while people build and train a model it does not look. The
    layers keep their names, and the scopes get valid ones.
    """
    import keras

    if "__init__" in vars(keras.name_scope):
        return
    inherited = keras.name_scope.__init__

    def named(scope: Any, name: Any, *arguments: Any, **options: Any) -> None:
        inherited(scope, valid(name) if isinstance(name, str) else name, *arguments, **options)

    keras.name_scope.__init__ = named


def valid(name: str) -> str:
    """The name where TensorFlow takes it for a scope, else the nearest one that it takes."""
    return _NOT_FIRST.sub("x_", _NOWHERE.sub("_", name))
