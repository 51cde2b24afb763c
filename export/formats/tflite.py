"""SavedModel to TFLite: the float32 file by TensorFlow's converter, all others from it by the LiteRT quantizer."""

from __future__ import annotations

from collections.abc import Mapping

from export.formats.converter_errors import from_tflite
from export.formats.format import Calibration, Conversion, Format, Mixing
from export.formats.saved_model import SIGNATURE
from export.formats.tflite_constants import with_stored_weights
from export.formats.tflite_graph import graphs, signature
from export.formats.tflite_inner import TFLiteFile
from export.formats.tflite_mixed import CASTABLE, SMALL_WEIGHTS
from export.formats.tflite_nodes import nodes, sizes_of_weights, table_ranges
from export.formats.tflite_proof import notes, prove
from export.formats.tflite_quantizer import UNKNOWN, Quantizer
from export.formats.tflite_ranges import activations, record_ranges
from export.formats.tflite_static import RUNGS, int8, int8_mixed, int16x8, mixable
from export.quantization.keep_in_float import (
    kept_at_each_call,
    notes_on_weights,
    refuse_if_all_is_kept,
    what_angles_are_made_of,
)
from runtime.atomic import write_file
from runtime.bundle.manifest import TensorSpec
from runtime.errors import ConversionError


def float32(conversion: Conversion) -> tuple[str, ...]:
    """The plain conversion."""
    import tensorflow as tf

    # Builtin ops only, which is the converter's default: an op that needs Flex is an error, never a fallback.
    converter = tf.lite.TFLiteConverter.from_saved_model(str(conversion.source))
    try:
        content = converter.convert()
    except Exception as error:
        raise from_tflite(error, conversion.source) from error
    write_file(conversion.destination, content)
    _check_signature(conversion)
    return ()


def _check_signature(conversion: Conversion) -> None:
    """The file has the inputs and outputs of the record, by name.

    Raises:
        ConversionError: it has others.
    """
    record = conversion.record
    ends = (
        {taken.name: taken.tensor for taken in record.inputs},
        {given.name: given.tensor for given in record.outputs},
    )
    found = signature(conversion.destination, SIGNATURE) or ({}, {})
    for what, wanted, has in zip(("inputs", "outputs"), ends, found, strict=True):
        if has != wanted:
            raise ConversionError(
                f"the .tflite file has the {what} {_described(has)}; expected {_described(wanted)}"
            )


def _described(tensors: Mapping[str, TensorSpec]) -> str:
    """Such as "image float32 [n, 28, 28, 1], words int32 [n, 40]"."""
    return ", ".join(
        f"{name} {spec.dtype} [{', '.join('n' if size is None else str(size) for size in spec.shape)}]"
        for name, spec in sorted(tensors.items())
    )


def float16(conversion: Conversion) -> tuple[str, ...]:
    """Weights stored as float16; engines compute in float32.

    By the quantizer, which touches weights alone: TensorFlow's converter also rounds the constants of a
    standardisation (a longitude of -119.57 becomes -119.56), which cost a regressor 4 % of its outputs' spread.
    """
    found = nodes(graphs(conversion.source))
    sizes_of_weights(found)
    kept = what_angles_are_made_of(found)
    refuse_if_all_is_kept(found, kept)
    others = [
        node.outputs[0] for node in found if node.weights and node.op not in CASTABLE and node.key not in kept
    ]
    job = Quantizer(with_stored_weights(conversion.source, others, "FLOAT16"))
    for operation in CASTABLE:
        job.float16(operation)
    job.keep(kept)
    write_file(conversion.destination, job.content())
    return notes(conversion.destination)


def dynamic(conversion: Conversion) -> tuple[str, ...]:
    """Weights as int8, activations quantized by the engine at each call.

    Convolutions are quantized per channel, dense layers per tensor: per channel, a dense layer needs
    FULLY_CONNECTED version 12, which tflite-runtime 2.14 does not have (TensorFlow's converter writes that version,
    and the file does not load; the quantizer does not, and the file answers garbage).  Small layers stay in float,
    as in TensorFlow's own dynamic-range files, but the largest one never does.  tflite-runtime has no such kernel
    for TRANSPOSE_CONV and BATCH_MATMUL, and no engine has one for CONV_3D: their weights are turned into float32 again.
    Tables of embeddings are looked up in int8.
    """
    found = nodes(graphs(conversion.source))
    sizes_of_weights(found)
    kept = kept_at_each_call(found)
    refuse_if_all_is_kept(found, kept)
    least = min(SMALL_WEIGHTS, max(sizes_of_weights([node for node in found if node.key not in kept])))
    stored = [
        node.outputs[0]
        for node in found
        if node.weights >= least and node.op in UNKNOWN and node.key not in kept
    ]
    job = Quantizer(with_stored_weights(conversion.source, stored, "INT8"))
    for operation, per_tensor in (
        ("FULLY_CONNECTED", True),
        ("CONV_2D", False),
        ("DEPTHWISE_CONV_2D", False),
    ):
        job.dynamic(operation, per_tensor, least)
    for operation in ("TRANSPOSE_CONV", "BATCH_MATMUL"):
        job.weights_only(operation, least)
    job.keep(kept)
    tables = [
        node for node in found if node.op == "GATHER" and node.weights >= least and node.key not in kept
    ]
    job.static("GATHER", 8, keys=[node.key for node in tables])
    job.keep_float_edges()
    ranges = table_ranges(conversion.source, {node.outputs[0] for node in tables})
    write_file(conversion.destination, job.content(ranges or None))
    prove(conversion.destination, "dynamic", [node.outputs[0] for node in found if node.weights])
    return (*notes(conversion.destination), *notes_on_weights(found, kept))


TFLITE = Format(
    name="tflite",
    suffix=".tflite",
    float32_source="saved_model",
    converters={
        "float32": float32,
        "float16": float16,
        "dynamic": dynamic,
        "int8": int8,
        "int8-mixed": int8_mixed,
        "int16x8": int16x8,
    },
    prove=prove,
    calibration=Calibration(activations, record_ranges),
    rungs=RUNGS,
    mixing=Mixing(mixable, ("float16", "float32"), ("dynamic",)),
    inner=TFLiteFile,
)
