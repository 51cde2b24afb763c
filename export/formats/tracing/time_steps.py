"""What becomes of recurrent layers while a model is traced, in sentences for the author of the model."""

from __future__ import annotations

from typing import Any

from export.formats.format import TracedNote
from export.formats.unsupported import inner_layers

_LOOP = "a loop over its time steps, which computes one after the other"
_COPIES = "unrolled, since the model says unroll=True: each time step has a copy of its cell"
_ONE_STEP = "computed one time step a call: the model itself takes the state and gives the next"
_CELLS = ("LSTMCell", "GRUCell", "SimpleRNNCell", "StackedRNNCells")
_MOST_NAMES = 8


def notes(model: Any) -> tuple[TracedNote, ...]:
    """A sentence for each way in which recurrent layers of a Keras model are computed, with the names of the layers.

    Of a layer in a layer, as in a Bidirectional, the outer one is named, which the user knows.
    """
    found: dict[str, list[str]] = {}
    told: set[int] = set()
    for layer in inner_layers(model):
        way = None if id(layer) in told else _way(layer)
        if way is not None:
            found.setdefault(way, []).append(layer.name)
            told |= {id(inner) for inner in inner_layers(layer)}
    return tuple(TracedNote(f"{_layers(names)} {way}.") for way, names in found.items())


def _way(layer: Any) -> str | None:
    """How a layer is computed: None where it is not recurrent."""
    from keras import layers

    if type(layer).__name__ in _CELLS:
        return _ONE_STEP
    recurrent = layer.forward_layer if isinstance(layer, layers.Bidirectional) else layer
    if not isinstance(recurrent, layers.RNN):
        return None
    return _COPIES if recurrent.unroll else _LOOP


def _layers(names: list[str]) -> str:
    """Such as "The layers a, b and 2 more are each"."""
    if len(names) == 1:
        return f"The layer {names[0]} is"
    shown = names if len(names) <= _MOST_NAMES else [*names[:_MOST_NAMES], f"{len(names) - _MOST_NAMES} more"]
    return f"The layers {', '.join(shown[:-1])} and {shown[-1]} are each"
