"""How far a variant's answers on a device may be from its own at export: the limits of the self-test."""

from __future__ import annotations

from export.targets import Target
from runtime.bundle.manifest import DriftLimits

# Fractions of the range of the outputs, like the tolerances of the targets. Measured were LiteRT 1.0.1, 2.0.2, 2.1.6
# and 2.3.0, tflite-runtime 2.14.0, ONNX Runtime 1.16.3, 1.20.1, 1.23.2 and 1.31.1 on x86-64, the newest of each as on
# a Raspberry Pi 3, 4 and 5: everything but ONNX float16 was within 8e-6 of what one of its engines had answered, but
# for single rows: a Pi moves 1 % of the rows of LiteRT's static int8 by one step of the probabilities, 1/256, and
# float32 by 1.2e-5 behind 20 layers of selu.
FLOAT = DriftLimits(2e-5, 1e-5, "the same float32 arithmetic in another order of additions")
QUANTIZED = DriftLimits(
    2e-2,
    1e-5,
    "integers are exact; a float between two steps may be rounded the other way, which moves single rows",
)
# tflite-runtime fills its int16 tables of exponentials with the processor's own exp: recorded on an AMD EPYC, the
# answers of 20 layers of selu are one step of 16 bits (3.1e-5) off in most rows of a Pi, and up to 2.5e-4.
INT16X8 = DriftLimits(2e-2, 1e-4, "tables of exponentials differ by single steps of 16 bits among processors")
# As on a Pi 5, which has float16 arithmetic: 2.9e-2, and 1.9e-2 in most rows, both of probes; everywhere else 8e-6.
ONNX_FLOAT16 = DriftLimits(
    5e-2, 3e-2, "a processor with float16 arithmetic computes in it, the others in float32"
)


def limits(target: Target, spread: float) -> DriftLimits:
    """The limits for one target, in output units; `spread` is `export.checks.gate.spread` of the original."""
    if target.format == "onnx" and target.scheme == "float16":
        found = ONNX_FLOAT16
    elif target.scheme == "int16x8":
        found = INT16X8
    else:
        found = FLOAT if target.scheme in ("float32", "float16") else QUANTIZED
    return DriftLimits(found.max_abs_error * spread, found.usual_abs_error * spread, found.reason)
