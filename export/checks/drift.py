"""How far a variant's answers on a device may be from its own at export: the limits of the self-test."""

from __future__ import annotations

from export.checks.spread import MOST_BY_ROUNDING
from export.targets import Target
from runtime.bundle.manifest import DriftLimits

# The limits are fractions of the range of the outputs, like the tolerances of the targets. They come from
# measurements with LiteRT 1.0.1, 2.0.2, 2.1.6 and 2.3.0, tflite-runtime 2.14.0, and ONNX Runtime 1.16.3, 1.20.1,
# 1.23.2 and 1.31.1 on x86-64, and with the newest of each on an emulated Raspberry Pi 3, 4 and 5. Everything but ONNX
# float16 was within 8e-6 of the answers that one of its engines had given at export, except for single rows: on a Pi,
# 1 % of the rows of LiteRT's static int8 differ by one step of the probabilities, 1/256, and float32 behind 20 layers
# of selu by 1.2e-5.
FLOAT = DriftLimits(2e-5, 1e-5, "the same float32 arithmetic in another order of additions")
QUANTIZED = DriftLimits(
    2e-2,
    1e-5,
    "integers are exact; a float between two steps may be rounded the other way, which moves single rows",
)
# tflite-runtime fills its int16 tables of exponentials with the processor's own exp. Compared with answers recorded
# on an AMD EPYC, those of 20 layers of selu on a Pi differ by one step of 16 bits (3.1e-5) in most rows, and by up to
# 2.5e-4.
INT16X8 = DriftLimits(2e-2, 1e-4, "tables of exponentials differ by single steps of 16 bits among processors")
# A Pi 5, which has float16 arithmetic, differs by up to 2.9e-2, and by 1.9e-2 in most rows, in both cases on the
# probes; everywhere else the difference is 8e-6.
ONNX_FLOAT16 = DriftLimits(
    5e-2, 3e-2, "a processor with float16 arithmetic computes in it, the others in float32"
)


# Where activations are often exactly between two steps, as behind an embedding of int8 numbers, most rows move.
_TIES = (
    "integers are exact; floats halfway between two steps, of which there are many here, are rounded to even or away "
    "from zero"
)


def limits(target: Target, spread: float, rounding: float = 0.0, ties: float = 0.0) -> DriftLimits:
    """The limits for one target, in output units.

    Args:
        target: the target.
        spread: `export.checks.spread.spread` of the original.
        rounding: `export.checks.spread.by_rounding` of the original: most rows of a right file may move as far on
            another processor, and single ones twice as far, in the proportion of `FLOAT`.
        ties: `export.checks.ties.moved_by_ties` of the file. It is a random draw, and a processor's own way to round
            ties is another of about the same size: most rows may move twice as far, though not beyond
            `MOST_BY_ROUNDING` of the spread.
    """
    if target.format == "onnx" and target.scheme == "float16":
        found = ONNX_FLOAT16
    elif target.scheme == "int16x8":
        found = INT16X8
    else:
        found = FLOAT if target.scheme in ("float32", "float16") else QUANTIZED
    ties = min(2 * ties, MOST_BY_ROUNDING * spread)
    usual = max(found.usual_abs_error * spread, rounding)
    return DriftLimits(
        max(found.max_abs_error * spread, 2 * rounding),
        max(usual, ties),
        _TIES if ties > usual else found.reason,
    )
