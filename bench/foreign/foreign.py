"""One row of the table of models made elsewhere: what it takes, how it is built, in which form it is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

SAMPLES = 64  # to calibrate with
_SEED = 11
_COARSE = 4  # a drawn picture is this many soft spots wide and high
# What a model is given as, and how the path ends that it is saved to.
FORMS = {".keras": ".keras", ".h5": ".h5", "SavedModel": ""}


@dataclass(frozen=True)
class Given:
    """An input: its shape without the batch, its dtype, and how its values are drawn.

    Whole numbers are drawn evenly from `low` up to `high`, without it; floats from a normal distribution around the
    middle between them, cut at both.  `soft`: the values are those of pictures, [height, width, channels], or of
    spectrograms: drawn as floats are, and neighbours resemble each other.
    """

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float = -3.0
    high: float = 3.0
    soft: bool = False

    @property
    def described(self) -> str:
        """Such as "32×32×3", "int32 20", "one value"."""
        sizes = "×".join(map(str, self.shape)) or "one value"
        return sizes if self.dtype == "float32" else f"{self.dtype} {sizes}"

    def drawn(self, rows: int, seed: int) -> np.ndarray:
        """Values [rows, …] of this input's dtype, the same for the same seed."""
        generator = np.random.default_rng(seed)
        shape = (rows, *self.shape)
        if np.issubdtype(self.dtype, np.integer) and not self.soft:
            return generator.integers(int(self.low), int(self.high), shape).astype(self.dtype)
        noise = generator.normal(size=shape)
        if self.soft:
            noise = _soft(generator, shape) + 0.2 * noise
        middle, spread = (self.low + self.high) / 2, (self.high - self.low) / 6
        values = np.clip(middle + spread * noise, self.low, self.high)
        return values.astype(self.dtype)


def _soft(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise [n, height, width, …] that changes slowly along both sizes: between points of a coarse grid, linear."""
    values = generator.normal(size=(shape[0], _COARSE, _COARSE, *shape[3:]))
    for axis in (1, 2):
        at = np.linspace(0, _COARSE - 1, shape[axis])
        lower = np.minimum(at.astype(int), _COARSE - 2)
        part = (at - lower).reshape([-1 if each == axis else 1 for each in range(values.ndim)])
        values = (1 - part) * values.take(lower, axis) + part * values.take(lower + 1, axis)
    return values


def picture(height: int, width: int, channels: int) -> Given:
    """A picture as it comes out of a file."""
    return Given((height, width, channels), "uint8", 0, 255, soft=True)


@dataclass(frozen=True)
class Foreign:
    """A model that was made elsewhere.

    Attributes:
        name: what it is called, as `python -m export --name` takes it.
        origin: where it is from, for the table.
        inputs: what it takes, by the names of its inputs.
        build: makes it of the module `keras`: a Keras model, or a `tf.Module` whose `offered` are its signatures, given
            as a SavedModel.
        form: what it is given as, one of `FORMS`.
        options: of `python -m export`, besides the samples to calibrate with.
        pixels: what it was trained on, for `--pixels`, where it does not scale pixels itself.
    """

    name: str
    origin: str
    inputs: Mapping[str, Given]
    build: Callable[[Any], Any]
    form: str = ".keras"
    options: tuple[str, ...] = ()
    pixels: str | None = None

    @property
    def given(self) -> str:
        """The inputs without the batch, such as "32×32×3" or "3 of 1, 4 of int32 1"."""
        alike = Counter(each.described for each in self.inputs.values())
        return ", ".join(f"{count} of {name}" if count > 1 else name for name, count in alike.items())

    def samples(self, rows: int = SAMPLES) -> dict[str, np.ndarray]:
        """Values by the name of the input, [rows, …], the same each time."""
        return {
            name: each.drawn(rows, _SEED + number) for number, (name, each) in enumerate(self.inputs.items())
        }
