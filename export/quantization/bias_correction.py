"""Bias correction: the mean error that quantization adds to each channel of an op goes into the op's bias.

Nagel, van Baalen, Blankevoort and Welling, "Data-Free Quantization Through Weight Equalization and Bias Correction",
ICCV 2019, section 4.2, in the variant of its appendix that measures the means on samples.  The biases of the float32
files stay as they are: what is corrected are the integers of a quantized file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from export.chunks import chunks

# Behind a fused relu, a bias moves the mean of a channel only where the channel is above zero. Where it seldom is, the
# correction would be a guess.
LEAST_ACTIVE = 0.05
_INT32 = np.iinfo(np.int32)


class Bias(NamedTuple):
    """The bias of one op of a quantized file, one integer for each channel that the op makes.

    Attributes:
        name: that of the constant in the file.
        values: int32 [channels].
        steps: what one step of the integers is worth, float64 [channels].
        reference: the tensor that the op makes in the float32 file.
        made: the same in the quantized file.
        axis: the axis of the channels in that tensor.
        low: what a fused activation, or the grid of the tensor's integers, limits the tensor to from below.
        high: the same from above.
    """

    name: str
    values: np.ndarray
    steps: np.ndarray
    reference: str
    made: str
    axis: int
    low: float = -np.inf
    high: float = np.inf


class Inner(Protocol):
    """A file whose inner tensors can be read, as `export.formats.inner_file.InnerFile`."""

    def values(self, feeds: Mapping[str, np.ndarray], stored: Sequence[str]) -> dict[str, np.ndarray]:
        """The values of tensors, [n, …] each, as float32, by name."""
        ...


class Means(NamedTuple):
    """By tensor, the mean of each channel and the share of its values that no fused activation limits."""

    mean: dict[str, np.ndarray]
    active: dict[str, np.ndarray]


def reference_means(file: Inner, biases: Sequence[Bias], feeds: Mapping[str, np.ndarray]) -> Means:
    """The means of what the ops make in the float32 file, by the names of the constants."""
    return _means(file, {bias.name: bias.reference for bias in biases}, biases, feeds)


def quantized_means(file: Inner, biases: Sequence[Bias], feeds: Mapping[str, np.ndarray]) -> Means:
    """The same in the quantized file."""
    return _means(file, {bias.name: bias.made for bias in biases}, biases, feeds)


def _means(
    file: Inner, tensors: Mapping[str, str], biases: Sequence[Bias], feeds: Mapping[str, np.ndarray]
) -> Means:
    sums: dict[str, np.ndarray] = {}
    active: dict[str, np.ndarray] = {}
    counts: dict[str, int] = {}
    for chunk in chunks(feeds):
        found = file.values(chunk, sorted(set(tensors.values())))
        for bias in biases:
            channels = np.moveaxis(found[tensors[bias.name]], bias.axis, -1)
            rows = np.clip(channels.reshape(-1, channels.shape[-1]).astype(np.float64), bias.low, bias.high)
            free = (rows > bias.low) & (rows < bias.high)
            sums[bias.name] = sums.get(bias.name, 0) + rows.sum(axis=0)
            active[bias.name] = active.get(bias.name, 0) + free.sum(axis=0)
            counts[bias.name] = counts.get(bias.name, 0) + len(rows)
    return Means(
        {name: total / counts[name] for name, total in sums.items()},
        {name: total / counts[name] for name, total in active.items()},
    )


def corrected(bias: Bias, wanted: Means, found: Means) -> np.ndarray:
    """The bias with which the means of its op's channels are those of the float32 file: int32 [channels]."""
    share = wanted.active[bias.name]
    error = found.mean[bias.name] - wanted.mean[bias.name]
    moved = np.where(share >= LEAST_ACTIVE, error / np.maximum(share, LEAST_ACTIVE), 0)
    steps = np.where(bias.steps > 0, np.rint(moved / np.where(bias.steps > 0, bias.steps, 1)), 0)
    made: np.ndarray = np.clip(bias.values - steps, _INT32.min, _INT32.max).astype(np.int32)
    return made
