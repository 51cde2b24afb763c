"""The table of targets: what can be built, from what, by whom, and how close it must stay to the original."""

from __future__ import annotations

from dataclasses import dataclass

from export.formats.format import MIXED, STATIC_SCHEMES, FormatName, Scheme
from export.formats.table import FORMATS
from runtime.errors import UsageError

_LITERT = ("litert", "tflite-runtime")
_ONNX = ("onnxruntime",)
_QUANTIZER = "litert-quantizer"
# Why a mixed target is not built, where nobody asked for it by its name.
NOT_NEEDED = "skipped: int8 passes"


@dataclass(frozen=True)
class RelativeTolerance:
    """How far a variant's outputs may be from the original's, as a fraction of their spread, and why that far.

    A float32 file is held to it at export.  The others are held to the user's budget; for them it is the least that the
    self-test on a device allows (`export.checks.gate.tolerances`).
    """

    max_abs_error: float
    reason: str


@dataclass(frozen=True)
class Target:
    """One row: a format, a scheme, the package that converts, the engines that run it, and what it is held to."""

    format: FormatName
    scheme: Scheme
    converter: str
    engines: tuple[str, ...]
    tolerance: RelativeTolerance

    @property
    def name(self) -> str:
        """The variant's name: `<format>-<scheme>`, or `saved_model`, which has one scheme only."""
        return self.format if self.format == "saved_model" else f"{self.format}-{self.scheme}"

    @property
    def source(self) -> str | None:
        """The name of the target that it is converted from; None stands for the Keras model itself."""
        return FORMATS[self.format].source(self.scheme)

    @property
    def mixed(self) -> bool:
        """Whether it is built only where the plain target does not keep the budget."""
        return self.scheme == MIXED

    @property
    def calibrated(self) -> bool:
        """Whether its conversion needs recorded activation ranges."""
        return self.scheme in STATIC_SCHEMES


FLOAT32 = RelativeTolerance(1e-5, "the same float32 arithmetic in another order of additions")
FLOAT16 = RelativeTolerance(5e-3, "weights keep 11 significant bits")
ONNX_FLOAT16 = RelativeTolerance(
    2e-2,
    "weights keep 11 significant bits; a processor that can, such as a Pi 5's, computes in them too",
)
DYNAMIC = RelativeTolerance(
    0.20, "8-bit weights, activations rounded at each call: samples near a decision move"
)
INT8 = RelativeTolerance(
    0.25, "8-bit weights and activations: one step of a logit moves samples near a decision"
)
INT8_MIXED = RelativeTolerance(0.25, "as int8, for the groups of layers that are in int8")
INT16X8 = RelativeTolerance(0.15, "8-bit weights; the activations' 16 bits add little to their error")

_TARGETS = (
    Target("saved_model", "float32", "keras", ("tensorflow",), FLOAT32),
    Target("tflite", "float32", "tensorflow", _LITERT, FLOAT32),
    Target("tflite", "float16", _QUANTIZER, _LITERT, FLOAT16),
    Target("tflite", "dynamic", _QUANTIZER, _LITERT, DYNAMIC),
    Target("tflite", "int8", _QUANTIZER, _LITERT, INT8),
    Target("tflite", "int8-mixed", _QUANTIZER, _LITERT, INT8_MIXED),
    Target("tflite", "int16x8", _QUANTIZER, _LITERT, INT16X8),
    Target("onnx", "float32", "tf2onnx", _ONNX, FLOAT32),
    Target("onnx", "float16", "onnxruntime", _ONNX, ONNX_FLOAT16),
    Target("onnx", "dynamic", "onnxruntime", _ONNX, DYNAMIC),
    Target("onnx", "int8", "onnxruntime", _ONNX, INT8),
    Target("onnx", "int8-mixed", "onnxruntime", _ONNX, INT8_MIXED),
)

TARGETS: dict[str, Target] = {target.name: target for target in _TARGETS}
# Those that are built of every model.
PLAIN: dict[str, Target] = {name: target for name, target in TARGETS.items() if not target.mixed}


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
