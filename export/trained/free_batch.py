"""A model that was saved for so many rows at a time, as one that takes any number: every exported file does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from data.dataset import Arrays
from export.library_errors import in_words
from export.trained.model_files.load import load
from export.trained.original_model import OriginalModel
from runtime.errors import EdgeProofError, ModelError

_REMEDY = (
    "build it with a free batch, keras.Input(batch_shape=(None, …)), load its weights, and save it again"
)
# How far answers may be apart, in the largest of them: sums in another order, no more.
_CLOSE = 1e-4


def with_free_batch(model: OriginalModel, pool: Arrays) -> OriginalModel:
    """The model itself where it takes any number of rows, else the same with a free batch.

    Args:
        model: whose outputs need not be known yet.
        pool: raw inputs to compare answers on, [n, …] by name.

    Raises:
        ModelError: it answers otherwise for another number of rows, or cannot take one; the remedy is named.
    """
    loaded = model.loaded
    batch = loaded.batch
    if batch is None:
        return model
    fixed = f"{loaded.path.name} takes exactly {batch} row{'s' if batch > 1 else ''} at a time"
    stateful = next(
        (layer.name for layer in _layers(loaded.keras) if getattr(layer, "stateful", False)), None
    )
    if stateful is not None:
        raise ModelError(
            f"{fixed}, because its layer {stateful!r} keeps its state between calls (stateful=True), and an exported "
            "file takes any number; build it with stateful=False, and give its states to the model as inputs and take "
            "them as outputs (initial_state, return_state=True)"
        )
    if loaded.keras is None:
        raise ModelError(
            f"{fixed}, and an exported file takes any number; export it again with a signature of the shape [None, …]"
        )
    source = model.source
    try:
        freed = load(loaded.path, source.custom_objects, source.signature, source.shapes, free_batch=True)
        rows = {name: values[: batch + 1] for name, values in pool.items()}
        feed = {name: np.asarray(values) for name, values in model.feed(model.edge(rows)).items()}
        # As many rows as it was saved for, one more, and one alone.
        other = freed.call(feed), freed.call({name: values[:1] for name, values in feed.items()})
    except EdgeProofError:
        raise
    except Exception as error:  # whatever a layer raises that counts on its number of rows
        raise ModelError(f"{fixed}, and cannot take another number ({in_words(error)}); {_REMEDY}") from error
    expected = loaded.call(feed)
    if not _same(expected, *other):
        raise ModelError(f"{fixed}, and answers otherwise when it is given another number; {_REMEDY}")
    return replace(model, loaded=freed)


def _layers(model: Any) -> Iterator[Any]:
    """All layers of a Keras model, those of models in it too."""
    for layer in getattr(model, "layers", ()):
        yield layer
        yield from _layers(layer)


def _same(expected: Arrays, many: Arrays, one: Arrays) -> bool:
    for name, answers in expected.items():
        limit = _CLOSE * max(1.0, float(np.abs(answers.astype(np.float64)).max()))
        for found in (many[name], one[name]):
            if found.shape[1:] != answers.shape[1:] or len(found) not in (len(answers), 1):
                return False
            if np.abs(found.astype(np.float64) - answers[: len(found)]).max() > limit:
                return False
    return True
