"""The table of targets: what can be built, from what, by whom, and how close it must stay to the original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runtime.errors import UsageError

_LITERT = ("litert", "tflite-runtime")
_ONNX = ("onnxruntime",)
_AEQ = "litert-quantizer"
_FORMATS = "export.formats"


@dataclass(frozen=True)
class Tolerance:
    """How far a variant's outputs may be from the original's, and why that far.

    `max_abs_error` is a fraction of the range of the original's outputs: 1 for probabilities, highest minus lowest
    for a regressor (so that one row serves prices and blood values alike).  `min_top1_agreement` is a fraction of the
    test split and applies to classifiers only.
    """

    max_abs_error: float
    min_top1_agreement: float
    reason: str


@dataclass(frozen=True)
class Target:
    """One row: a format, a scheme, the converter that builds it, and what its result is held to.

    `convert` names a function `module:function` that takes an `export.formats.conversion.Conversion`; `source` is the
    variant it converts (None: the Keras model itself); `pool` is the kind of worker process it needs.
    """

    format: Literal["saved_model", "tflite", "onnx"]
    scheme: Literal["float32", "float16", "dynamic", "int8", "int16x8"]
    convert: str
    converter: str
    source: str | None
    pool: Literal["keras", "device"]
    engines: tuple[str, ...]
    tolerance: Tolerance
    calibrated: bool = False

    @property
    def name(self) -> str:
        """The variant's name: `<format>-<scheme>`, or `saved_model`, which has one scheme only."""
        return self.format if self.format == "saved_model" else f"{self.format}-{self.scheme}"


FLOAT32 = Tolerance(1e-5, 0.9995, "the same float32 arithmetic in another order of additions")
FLOAT16 = Tolerance(5e-3, 0.998, "weights keep 11 significant bits")
ONNX_FLOAT16 = Tolerance(
    2e-2,
    0.998,
    "weights keep 11 significant bits; a processor that can, such as a Pi 5's, computes in them too",
)
DYNAMIC = Tolerance(
    0.20, 0.99, "8-bit weights, activations rounded at each call: samples near a decision move"
)
INT8 = Tolerance(
    0.25, 0.99, "8-bit weights and activations: one step of a logit moves samples near a decision"
)
INT16X8 = Tolerance(0.15, 0.99, "8-bit weights; the activations' 16 bits add little to their error")

# The gate on the task itself, whatever the parity says.
MAX_ACCURACY_DROP = 0.003
MAX_RMSE_RISE = 0.01

_TARGETS = (
    Target(
        "saved_model",
        "float32",
        f"{_FORMATS}.saved_model:convert",
        "keras",
        None,
        "keras",
        ("tensorflow",),
        FLOAT32,
    ),
    Target(
        "tflite",
        "float32",
        f"{_FORMATS}.tflite:float32",
        "tensorflow",
        "saved_model",
        "keras",
        _LITERT,
        FLOAT32,
    ),
    Target(
        "tflite",
        "float16",
        f"{_FORMATS}.tflite:float16",
        _AEQ,
        "tflite-float32",
        "device",
        _LITERT,
        FLOAT16,
    ),
    Target(
        "tflite",
        "dynamic",
        f"{_FORMATS}.tflite:dynamic",
        _AEQ,
        "tflite-float32",
        "device",
        _LITERT,
        DYNAMIC,
    ),
    Target(
        "tflite", "int8", f"{_FORMATS}.tflite:int8", _AEQ, "tflite-float32", "device", _LITERT, INT8, True
    ),
    Target(
        "tflite",
        "int16x8",
        f"{_FORMATS}.tflite:int16x8",
        _AEQ,
        "tflite-float32",
        "device",
        _LITERT,
        INT16X8,
        True,
    ),
    Target("onnx", "float32", f"{_FORMATS}.onnx:float32", "tf2onnx", "saved_model", "keras", _ONNX, FLOAT32),
    Target(
        "onnx",
        "float16",
        f"{_FORMATS}.onnx:float16",
        "onnxruntime",
        "onnx-float32",
        "device",
        _ONNX,
        ONNX_FLOAT16,
    ),
    Target(
        "onnx",
        "dynamic",
        f"{_FORMATS}.onnx:dynamic",
        "onnxruntime",
        "onnx-float32",
        "device",
        _ONNX,
        DYNAMIC,
    ),
    Target(
        "onnx", "int8", f"{_FORMATS}.onnx:int8", "onnxruntime", "onnx-float32", "device", _ONNX, INT8, True
    ),
)

TARGETS: dict[str, Target] = {target.name: target for target in _TARGETS}


def select(names: str | None) -> list[Target]:
    """The targets a comma-separated list names, in the table's order; all of them for None.

    Raises:
        UsageError: a name is not in the table.
    """
    if names is None:
        return list(TARGETS.values())
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in TARGETS]
    if unknown or not wanted:
        raise UsageError(f"unknown target {', '.join(unknown) or repr(names)}; known: {', '.join(TARGETS)}")
    return [target for name, target in TARGETS.items() if name in wanted]
