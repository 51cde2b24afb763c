"""The table of targets: everything that can be built, from what, by whom, and how close it must stay to the original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runtime.errors import UsageError

LITERT_ENGINES = ("litert", "tflite-runtime")


@dataclass(frozen=True)
class Tolerance:
    """How far a variant's outputs may be from the original's, and why that far.

    `max_abs_error` is in probability for classifiers, and in standard deviations of the original's outputs for
    regressors (so that one row serves prices and blood values alike).  `min_top1_agreement` is a fraction of the
    test split and applies to classifiers only.
    """

    max_abs_error: float
    min_top1_agreement: float
    reason: str


@dataclass(frozen=True)
class Target:
    """One row: a format, a scheme, the converter that builds it, and what its result is held to.

    `convert` names a function `module:function` that takes an `export.conversion.Conversion`; `source` is the
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
FLOAT16 = Tolerance(1e-2, 0.998, "weights keep 11 significant bits; ONNX also computes in them")
DYNAMIC = Tolerance(
    0.30, 0.99, "8-bit weights, activations quantized per call: single samples near a decision move"
)
INT8 = Tolerance(
    0.35, 0.99, "8-bit weights and activations: one step of a logit moves samples near a decision"
)
INT16X8 = Tolerance(0.30, 0.99, "8-bit weights: the activations' 16 bits add nothing to their error")

# The gate on the task itself, whatever the parity says.
MAX_ACCURACY_DROP = 0.003
MAX_RMSE_RISE = 0.01

_TARGETS = (
    Target("saved_model", "float32", "export.saved_model:convert", "keras", None, "keras", ("tensorflow",), FLOAT32),
    Target("tflite", "float32", "export.tflite:float32", "tensorflow", "saved_model", "keras", LITERT_ENGINES, FLOAT32),
    Target("tflite", "float16", "export.tflite:float16", "tensorflow", "saved_model", "keras", LITERT_ENGINES, FLOAT16),
    Target("tflite", "dynamic", "export.tflite:dynamic", "tensorflow", "saved_model", "keras", LITERT_ENGINES, DYNAMIC),
    Target(
        "tflite", "int8", "export.tflite:int8", "litert-quantizer", "tflite-float32", "device", LITERT_ENGINES, INT8,
        calibrated=True,
    ),
    Target(
        "tflite", "int16x8", "export.tflite:int16x8", "litert-quantizer", "tflite-float32", "device", LITERT_ENGINES,
        INT16X8, calibrated=True,
    ),
    Target("onnx", "float32", "export.onnx:float32", "tf2onnx", "saved_model", "keras", ("onnxruntime",), FLOAT32),
    Target("onnx", "float16", "export.onnx:float16", "onnxruntime", "onnx-float32", "device", ("onnxruntime",), FLOAT16),
    Target("onnx", "dynamic", "export.onnx:dynamic", "onnxruntime", "onnx-float32", "device", ("onnxruntime",), DYNAMIC),
    Target(
        "onnx", "int8", "export.onnx:int8", "onnxruntime", "onnx-float32", "device", ("onnxruntime",), INT8,
        calibrated=True,
    ),
)  # fmt: skip

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
