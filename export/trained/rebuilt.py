"""The scale of a reconstruction: what its input is multiplied by, and what is added, before the two are compared."""

from __future__ import annotations

import numpy as np

from export.trained.first_layers import FirstLayers
from export.trained.original_model import SCALINGS
from runtime.bundle.manifest import InputRecord, OutputRecord


def with_scale(
    output: OutputRecord, taken: InputRecord, pixels: str | None, first: FirstLayers
) -> OutputRecord:
    """The record of a reconstruction with the scale that the model works in, where it is known and not the input's own.

    That of an image is recorded where it is the input's own too, since nobody expects that.

    Args:
        output: of a reconstruction.
        taken: the input that it is an estimate of.
        pixels: the scaling that is put before the model, as `--pixels` names it; None without one.
        first: what the model itself does first with the input.
    """
    if pixels is not None:
        most, mean, spread = SCALINGS[pixels]
        scale = 1 / most / np.asarray(spread)
        offset = -np.asarray(mean) / spread
    elif first.scaling is not None:
        scale, offset = (np.asarray([number]) for number in first.scaling)
    elif taken.kind == "image" and not first.calculates:
        scale, offset = np.ones(1), np.zeros(1)
    else:
        return output
    # Adding 0 makes 0 of -0, which JSON would show.
    return output._replace(scale=tuple(scale.tolist()), offset=tuple((offset + 0.0).tolist()))
