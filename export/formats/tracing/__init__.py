"""Rewrites that are in force while a Keras model is traced, so that TFLite's builtin and ONNX's standard ops do.

Keras has no documented way to trace a layer into other ops; a layer of one's own class for each would miss those that
other layers make inside.  So the functions that the layers call are replaced.  Read in keras 3.12 and 3.15.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from export.formats.tracing import (
    activations,
    categories,
    convolutions,
    extremes,
    images,
    pooling,
    products,
    recurrent,
    seeds,
    shapes,
    sound,
    sums,
)
from export.formats.tracing.rewrite import Rewrite, applied

REWRITES: tuple[Rewrite, ...] = (
    *shapes.REWRITES,
    *convolutions.REWRITES,
    *pooling.REWRITES,
    *activations.REWRITES,
    *recurrent.REWRITES,
    *sums.REWRITES,
    *categories.REWRITES,
    *images.REWRITES,
    *sound.REWRITES,
    *extremes.REWRITES,
    *products.REWRITES,
    *seeds.REWRITES,
)


def exportable() -> AbstractContextManager[None]:
    """Inside the block, Keras traces every layer that it can into ops that the converters take."""
    return applied(REWRITES)
