"""One row of the table of layers: a small model around one layer, and the values that it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]
_SAMPLES = 32
_LARGE = 64  # a Dense of more units would have more weights than the model


@dataclass(frozen=True)
class Values:
    """An input: its shape without the batch, its dtype, and the range that its values are drawn from.

    Floats are drawn from a normal distribution around the middle of the range and cut at its ends; whole numbers
    evenly from `low` up to `high`, without it.  A size None in the shape is `length` in the values.  `batch` fixes
    the number of rows, as a layer with a state between calls demands.
    """

    shape: Shape
    dtype: str = "float32"
    low: float = -3.0
    high: float = 3.0
    length: int = 6
    batch: int | None = None

    @property
    def described(self) -> str:
        """Such as "9×10×4", "int32 7", "one value", "bool 5×7, 2 at a time"."""
        sizes = "×".join("?" if size is None else str(size) for size in self.shape) or "one value"
        kind = "" if self.dtype == "float32" else f"{self.dtype} "
        return f"{kind}{sizes}" + (f", {self.batch} rows at a time" if self.batch else "")

    @property
    def fixed(self) -> tuple[int, ...]:
        """The shape with `length` for a size that is open."""
        return tuple(self.length if size is None else size for size in self.shape)

    def drawn(self, rows: int, seed: int) -> np.ndarray:
        """Values [rows, …] of this input's dtype, the same for the same seed."""
        generator = np.random.default_rng(seed)
        shape = (rows, *self.fixed)
        if self.dtype == "bool":
            return generator.random(shape) < 0.7
        if self.dtype == "string":
            return generator.choice(["a", "b", "c"], shape)
        if np.issubdtype(self.dtype, np.integer):
            return generator.integers(int(self.low), int(self.high), shape).astype(self.dtype)
        middle, spread = (self.low + self.high) / 2, (self.high - self.low) / 6
        return np.clip(generator.normal(middle, spread, shape), self.low, self.high).astype(self.dtype)


@dataclass(frozen=True)
class Row:
    """A layer of `keras.layers`, its settings as they are printed, and how a model is built around it.

    `outputs` makes the model's outputs of `keras` and its symbolic inputs.  `only_rewritten`: Keras itself runs it on a
    GPU only; its answers are those of the rewritten layer.  `overwrites`: Keras gives back the layer's own input as its
    output, so that no other layer can stand beside it.  `jumps`: its answer jumps, so that a value which is rounded may
    fall on the other side.
    """

    layer: str
    settings: str
    inputs: tuple[Values, ...]
    outputs: Callable[..., Any]
    only_rewritten: bool = False
    overwrites: bool = False
    jumps: bool = False

    @property
    def name(self) -> str:
        """Such as "Conv2D(filters=4, kernel_size=3) of 9×10×4"; no two rows have the same."""
        return f"{self.layer}({self.settings}) of {self.given}"

    @property
    def given(self) -> str:
        """The inputs without the batch, such as "9×10×4" or "int32 7, 5×4"; a size that is open is "?"."""
        return ", ".join(values.described for values in self.inputs)

    def model(self) -> Any:
        """The Keras model, with weights that are the same each time and none of which is 0 or 1.

        A layer without a kernel or a table of its own gets a Dense before it, or behind it where its inputs are whole
        numbers or large: a file in which nothing carries weights is not quantized at all.
        """
        import keras

        model = self._built(keras, lambda values: values)
        if not _carries_weights(model) and not self.overwrites:
            model = self._built(keras, lambda values: _dense(keras, values))
            model = model if _carries_weights(model) else _with_dense_outputs(keras, model)
        generator = np.random.default_rng(2)
        for weight in model.trainable_variables + model.non_trainable_variables:
            if keras.backend.is_float_dtype(weight.dtype):  # the state of a random generator is whole numbers
                weight.assign(weight.numpy() + generator.uniform(0.02, 0.2, weight.shape))
        return model

    def _built(self, keras: Any, before: Callable[[Any], Any]) -> Any:
        keras.utils.clear_session()  # or the names of layers would count on from row to row
        keras.utils.set_random_seed(1)
        symbols = [
            keras.Input(batch_shape=(values.batch, *values.shape), dtype=values.dtype, name=f"input_{number}")
            for number, values in enumerate(self.inputs, 1)
        ]
        return keras.Model(symbols, self.outputs(keras, *map(before, symbols)))

    def calls(self) -> list[dict[str, np.ndarray]]:
        """The inputs by name for calls in this order: one row, three, and the same three again.

        The second time tells whether a file keeps something between calls that the layer does not, or the reverse.
        """
        fixed = self.inputs[0].batch
        one, three = (self._feed(rows) for rows in ((fixed, fixed) if fixed else (1, 3)))
        return [one, three, three]

    def calibration(self) -> dict[str, np.ndarray]:
        """Inputs by name to find ranges with; those of `calls` are among them."""
        more = self._feed(_SAMPLES, seed=100)
        calls = self.calls()[:2]
        return {name: np.concatenate([rows, *(call[name] for call in calls)]) for name, rows in more.items()}

    def _feed(self, rows: int, seed: int = 0) -> dict[str, np.ndarray]:
        return {
            f"input_{number}": values.drawn(rows, seed=seed + number)
            for number, values in enumerate(self.inputs, 1)
        }

    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """The shapes of the inputs of which a size is open, the batch first, as `--shape` fixes them."""
        return {
            f"input_{number}": (None, *values.fixed)
            for number, values in enumerate(self.inputs, 1)
            if None in values.shape
        }


def layer(
    name: str, *inputs: Values, only_rewritten: bool = False, jumps: bool = False, **settings: Any
) -> Row:
    """The row of a layer that is called with its inputs: alone, or as a list where it merges several."""

    def outputs(keras: Any, *symbols: Any) -> Any:
        return getattr(keras.layers, name)(**settings)(symbols[0] if len(symbols) == 1 else list(symbols))

    code = ", ".join(f"{setting}={value!r}" for setting, value in settings.items())
    return Row(name, code, inputs, outputs, only_rewritten, jumps=jumps)


def graph(name: str, settings: str, *inputs: Values, outputs: Callable[..., Any], **flags: bool) -> Row:
    """The row of a layer that is not simply called with its inputs; `flags` are the other fields of a Row."""
    return Row(name, settings, inputs, outputs, **flags)


def _carries_weights(model: Any) -> bool:
    return any("kernel" in weight.name or "embeddings" in weight.name for weight in model.weights)


def _dense(keras: Any, values: Any) -> Any:
    """The values after a Dense of as many units as their last axis has, where that is sensible."""
    last = values.shape[-1] if len(values.shape) > 1 else None
    if last is None or last > _LARGE or not keras.backend.is_float_dtype(values.dtype):
        return values
    return keras.layers.Dense(last, name=f"before_{values.name}")(values)


def _with_dense_outputs(keras: Any, model: Any) -> Any:
    """The model with a Dense behind each of its outputs that are numbers with an axis."""
    given = keras.tree.flatten(model.outputs)
    behind = [
        keras.layers.Dense(3)(value)
        if len(value.shape) > 1 and value.shape[-1] is not None and keras.backend.is_float_dtype(value.dtype)
        else value
        for value in given
    ]
    return keras.Model(model.inputs, behind)
