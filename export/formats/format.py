"""What edgeproof has to know of a format: where its files come from, how each scheme is built, how a file is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from data.trained_model import TrainedModel
from export.formats.inner_file import InnerFile
from export.quantization.groups import Group
from export.quantization.names import REPAIRS
from runtime.errors import ConversionError

FormatName = Literal["saved_model", "tflite", "onnx"]
Scheme = Literal["float32", "float16", "dynamic", "int8", "int8-mixed", "int16x8"]
MIXED: Scheme = "int8-mixed"  # groups of layers in a higher scheme, the others in int8
# Schemes whose activations are integers: their scales come from ranges that were recorded before.
STATIC_SCHEMES: tuple[Scheme, ...] = ("int8", "int8-mixed", "int16x8")
# What a group of layers of a mixed file may be kept in instead of int8: weights of 8 or 16 bits, or float32 altogether.
Higher = Literal["dynamic", "float16", "float32"]

Ranges = dict[str, tuple[float, float]]


class NothingToQuantize(ConversionError):
    """No op of the model carries weights: in fewer bits its file would only be less exact."""


NOTHING_TO_QUANTIZE = "the model has nothing to quantize: none of its ops carries weights; use float32"


class TracedNote(str):
    """A sentence on what became of layers while the model was traced: it is true of every file.

    What else is said of the SavedModel is about repairs of weights, which matter to files of few bits alone.
    """


@dataclass(frozen=True)
class Conversion:
    """One conversion: read `source`, write `destination`, under the names of the record's inputs and outputs.

    Attributes:
        source: the file or folder that is converted: the trained model itself, or the file of another target.
        destination: where the result goes.
        record: the trained model's: how it is loaded, the tensors it takes and gives.
        ranges: the lowest and highest value of every float tensor over the calibration set, for static schemes only.
        rung: which of the format's `rungs` of a static scheme is built, counted from 0.
        higher: of a mixed file, what the nodes of the groups kept in a higher scheme are kept in, by their keys.
        repairs: the names of the repairs of weights that may be made before the SavedModel is written.
    """

    source: Path
    destination: Path
    record: TrainedModel
    ranges: Ranges | None = None
    rung: int = 0
    higher: Mapping[str, Higher] = field(default_factory=dict)
    repairs: tuple[str, ...] = tuple(REPAIRS)


@dataclass(frozen=True)
class Calibration:
    """How the activation ranges of a format's float32 files are found.

    `activations` gives the names of all tensors of a file that have a range.  `record_ranges` runs a file on samples
    by input name, [n, …] in the dtypes of the file's tensors, and gives the lowest and highest value of each of them.
    """

    activations: Callable[[Path], set[str]]
    record_ranges: Callable[[Path, Mapping[str, np.ndarray]], Ranges]


@dataclass(frozen=True)
class Mixing:
    """How a format's mixed files are made.

    `groups` finds the groups of layers of a float32 file that an int8 file quantizes.  `schemes` are those that groups
    may be kept in, the cheapest first; `cheaper` are tried once for the groups that were found.
    """

    groups: Callable[[Conversion], list[Group]]
    schemes: tuple[Higher, ...]
    cheaper: tuple[Higher, ...] = ()


@dataclass(frozen=True)
class Format:
    """One format.  Its functions import their converters themselves, so that a process pays for what it uses only.

    `float32_source` names the target that a float32 file is converted from; None stands for the trained model itself.
    All other schemes are converted from the format's own float32 file.  `converters` has the function that builds
    each scheme and gives, a sentence each, what it decided that a user should know.  `rungs` says for static schemes
    what is quantized less and less of: where a file fails on an engine, the next rung is tried.  `prove` raises a
    ConversionError unless a file's own tensors are of the scheme that it is named after; parts may be in float32, but
    not all of it.  It is None where only TensorFlow reads the format, on the machine that exported it.  `calibration`
    is None where the format has no static scheme, `mixing` where it has no mixed one.  `inner` opens a file by its
    content, so that its inner tensors can be read; None where the format has none.
    """

    name: FormatName
    suffix: str
    float32_source: str | None
    converters: Mapping[Scheme, Callable[[Conversion], tuple[str, ...]]]
    prove: Callable[[Path, Scheme], None] | None = None
    calibration: Calibration | None = None
    rungs: tuple[str, ...] = ("all ops",)
    mixing: Mixing | None = None
    inner: Callable[[bytes], InnerFile] | None = None

    def source(self, scheme: Scheme) -> str | None:
        """The name of the target that a scheme is converted from; None stands for the Keras model itself."""
        return self.float32_source if scheme == "float32" else f"{self.name}-float32"
