"""What edgeproof has to know of a format: where its files come from, how each scheme is built, how a file is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

FormatName = Literal["saved_model", "tflite", "onnx"]
Scheme = Literal["float32", "float16", "dynamic", "int8", "int16x8"]
# Schemes whose activations are integers: their scales come from ranges that were recorded before.
STATIC_SCHEMES: tuple[Scheme, ...] = ("int8", "int16x8")

Ranges = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Conversion:
    """One conversion: read `source`, write `destination`, under these public names.

    `input_shape` is without the batch dimension.  `ranges` holds the lowest and highest value of every float tensor
    over the calibration set, for static schemes only.  `custom_objects` says where the user's own layers are found, as
    `--custom-objects` does: a Keras model with such layers cannot be loaded without.
    """

    source: Path
    destination: Path
    input_name: str
    input_shape: tuple[int, ...]
    output_name: str
    ranges: Ranges | None = None
    custom_objects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Calibration:
    """How the activation ranges of a format's float32 files are found.

    `activations` gives the names of all tensors of a file that have a range.  `record_ranges` runs a file on samples
    (float32 [n, …]) and gives the lowest and highest value of each of them.
    """

    activations: Callable[[Path], set[str]]
    record_ranges: Callable[[Path, np.ndarray], Ranges]


@dataclass(frozen=True)
class Format:
    """One format.  Its functions import their converters themselves, so that a process pays for what it uses only.

    `float32_source` names the target that a float32 file is converted from; None stands for the Keras model itself.
    All other schemes are converted from the format's own float32 file.  `converters` has the function that builds
    each scheme.  `prove` raises a ConversionError unless a file's own tensors are of the scheme that it is named after;
    None where only TensorFlow reads the format, on the machine that exported it.  `calibration` is None where the
    format has no static scheme.
    """

    name: FormatName
    suffix: str
    float32_source: str | None
    converters: Mapping[Scheme, Callable[[Conversion], None]]
    prove: Callable[[Path, Scheme], None] | None = None
    calibration: Calibration | None = None

    def source(self, scheme: Scheme) -> str | None:
        """The name of the target that a scheme is converted from; None stands for the Keras model itself."""
        return self.float32_source if scheme == "float32" else f"{self.name}-float32"
