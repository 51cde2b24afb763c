"""Layers with weights as both formats have them: an output is a sum of products of weights and a window of the input.

What the means of quantization measure of a layer is the mean and the second moments of what its windows hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Window:
    """Where a convolution looks: sizes along the height and the width, in steps of the input.

    Attributes:
        strides: from one window to the next.
        dilations: from one element of a window to the next.
        before: zeros put before the first row and the first column.
        after: zeros put behind the last ones.
    """

    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)


@dataclass(frozen=True, eq=False)
class Layer:
    """A dense layer or a convolution in a float32 file whose weights nothing else takes.

    Attributes:
        key: what its format's quantizer calls the node.
        taken: the tensor that it takes.
        weights: the name of the constant with its weights.
        bias: that of its bias; None where it has none.
        kernel: the weights, float32: [out, in] of a dense layer, [out, in / groups, height, width] of a convolution.
        axes: the axes of the stored constant in the order of those of `kernel`.
        offset: the bias, float32 [out].
        window: None for a dense layer.
        groups: of the channels; as many as there are for a depthwise convolution.
        channels_last: whether the channels are the last axis of what a convolution takes, else the second.
    """

    key: str
    taken: str
    weights: str
    bias: str | None
    kernel: np.ndarray
    axes: tuple[int, ...]
    offset: np.ndarray | None = None
    window: Window | None = None
    groups: int = 1
    channels_last: bool = False

    @property
    def rows(self) -> np.ndarray:
        """The weights as rows, each of which makes one channel: [groups, out / groups, columns]."""
        found: np.ndarray = self.kernel.reshape(self.groups, len(self.kernel) // self.groups, -1)
        return found

    def stored(self, rows: np.ndarray) -> np.ndarray:
        """Rows such as `rows` as the file stores them, float32."""
        found: np.ndarray = rows.reshape(self.kernel.shape).transpose(np.argsort(self.axes))
        return np.ascontiguousarray(found, np.float32)

    def windows(self, values: np.ndarray, most: int, generator: np.random.Generator) -> np.ndarray:
        """What the layer multiplies its rows with: float32 [groups, n, columns], of at most `most` chosen places.

        Args:
            values: of the tensor that it takes, [samples, …].
            most: how many places.
            generator: it chooses them.
        """
        if self.window is None:
            flat = values.reshape(-1, self.kernel.shape[1])
            return flat[np.newaxis, generator.permutation(len(flat))[:most]].astype(np.float32)
        views = self._views(np.moveaxis(values, -1, 1) if self.channels_last else values)
        samples, _, height, width = views.shape[:4]
        chosen = generator.permutation(samples * height * width)[:most]
        found = views[chosen // (height * width), :, chosen // width % height, chosen % width]
        return np.moveaxis(found.reshape(len(chosen), self.groups, -1), 1, 0).astype(np.float32)

    def _views(self, values: np.ndarray) -> np.ndarray:
        """Every window, [samples, channels, rows of windows, columns of windows, height, width]; no copy."""
        assert self.window is not None
        at = self.window
        spans = [
            (size - 1) * step + 1 for size, step in zip(self.kernel.shape[2:], at.dilations, strict=True)
        ]
        padded = np.pad(values, ((0, 0), (0, 0), *zip(at.before, at.after, strict=True)))
        every = np.lib.stride_tricks.sliding_window_view(padded, (1, 1, *spans))
        (down, right), (inner_down, inner_right) = at.strides, at.dilations
        found: np.ndarray = every[:, :, ::down, ::right, 0, 0, ::inner_down, ::inner_right]
        return found


class Moments:
    """The mean and the second moments of what a layer multiplies its rows with, over all that was added."""

    def __init__(self, layer: Layer) -> None:
        groups, _, columns = layer.rows.shape
        self._sum = np.zeros((groups, columns))
        self._products = np.zeros((groups, columns, columns))
        self._count = 0

    def add(self, windows: np.ndarray) -> None:
        """Adds [groups, n, columns]."""
        self._sum += windows.sum(axis=1)
        self._products += windows.transpose(0, 2, 1) @ windows
        self._count += windows.shape[1]

    @property
    def mean(self) -> np.ndarray:
        """The mean of each column, float64 [groups, columns]."""
        found: np.ndarray = self._sum / max(1, self._count)
        return found

    @property
    def products(self) -> np.ndarray:
        """The mean product of each two columns, float64 [groups, columns, columns]."""
        found: np.ndarray = self._products / max(1, self._count)
        return found

    @property
    def covariance(self) -> np.ndarray:
        """The same less the product of their means: what is left where a bias takes the mean error."""
        found: np.ndarray = self.products - self.mean[:, :, np.newaxis] * self.mean[:, np.newaxis, :]
        return found


def cheapest(layers: list[Layer], work: int) -> Iterator[Layer]:
    """The layers with fewest products of two columns for each of their rows, as many as `work` allows for."""
    for layer in sorted(layers, key=_work):
        work -= _work(layer)
        if work < 0:
            return
        yield layer


def _work(layer: Layer) -> int:
    groups, rows, columns = layer.rows.shape
    return int(groups * (rows + 1) * columns * columns)
