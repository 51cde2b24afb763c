"""SavedModel to TFLite: float files by TensorFlow's converter, integer ones from them by the LiteRT quantizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from export.formats.converter_errors import from_tflite
from export.formats.format import (
    NOTHING_TO_QUANTIZE,
    Calibration,
    Conversion,
    Format,
    Mixing,
    NothingToQuantize,
    Scheme,
)
from export.formats.saved_model import SIGNATURE
from export.formats.tflite_constants import with_stored_weights
from export.formats.tflite_graph import Graph, Operator, graphs, signature
from export.formats.tflite_inner import TFLiteFile
from export.formats.tflite_mixed import CASTABLE, check_executed, keep_higher
from export.formats.tflite_nodes import WEIGHTED, floats, nodes, outputs, table_ranges
from export.formats.tflite_proof import computed_in_float, prove, quantized
from export.formats.tflite_quantizer import Quantizer
from export.formats.tflite_ranges import activations, record_ranges, wide_enough
from export.quantization.groups import Group, groups
from export.quantization.keep_in_float import (
    Kept,
    kept_at_each_call,
    kept_in_float,
    notes_on_weights,
    refuse_if_all_is_kept,
    share_note,
    what_angles_are_made_of,
    without_ranges,
)
from export.quantization.nodes import Node
from export.quantization.saturation import clip, in_tflite
from runtime.atomic import write_file
from runtime.bundle.manifest import TensorSpec
from runtime.errors import ConversionError

SMALL_WEIGHTS = 1024  # quantizing a smaller layer saves less than its scales and the engine's extra work cost
RUNGS = ("all ops", "without the ops that an engine lacks", "ops with weights only")
# Ops of 16 bits that tflite-runtime 2.14 has no kernels for; LiteRT has them.
LACKING = ("GELU", "SUM")
# Ops of few bits on tensors of five dimensions end tflite-runtime's process.
_MOST_DIMENSIONS = 4
_UNSUPPORTED = ("CONV_3D", "CONV_3D_TRANSPOSE")  # which the quantizer does not know
_PRODUCTS = ("convolution", "depthwise", "MatMul", "conv_transpose")  # how Keras' ops with weights are traced
_UNNAMED = "StatefulPartitionedCall"
# Of small values, which few bits round to zero, these make large ones.
_STEEP = ("RSQRT", "SQRT", "DIV")


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
    _sizes_of_weights(found)
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
    return _share(conversion)


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
    _sizes_of_weights(found)
    kept = kept_at_each_call(found)
    refuse_if_all_is_kept(found, kept)
    least = min(SMALL_WEIGHTS, max(_sizes_of_weights([node for node in found if node.key not in kept])))
    stored = [
        node.outputs[0]
        for node in found
        if node.weights >= least and node.op in _UNSUPPORTED and node.key not in kept
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
    return (*_share(conversion), *_weights_only_note(conversion), *notes_on_weights(found, kept))


def int8(conversion: Conversion) -> tuple[str, ...]:
    """Weights and activations as int8, weights per channel, ranges from the calibration."""
    return _static(conversion, 8)


def int8_mixed(conversion: Conversion) -> tuple[str, ...]:
    """As int8, with groups of layers in a higher scheme: `conversion.higher`; LiteRT's plan is compared with that."""
    return _static(conversion, 8, "int8-mixed")


def mixable(conversion: Conversion) -> list[Group]:
    """The groups of layers that an int8 file quantizes."""
    found = graphs(conversion.source)
    every = nodes(found)
    kept = {*_kept(conversion, found, every, 8), *(node.key for node in every if node.op in _UNSUPPORTED)}
    return groups(every, kept, _layer)


def _layer(key: str) -> str:
    """What people call an op: the scope that Keras traced its layer in, which is most often the layer's name.

    Of an op that others are fused with, that of the one which carries the weights; what makes an output has none.
    """
    if key.startswith(_UNNAMED):
        return "output"
    parts = [part.split("/") for part in key.split(";")]
    scopes = next((part for part in parts if part[-1] in _PRODUCTS), parts[0])
    return scopes[-2] if len(scopes) > 1 else scopes[0]


def int16x8(conversion: Conversion) -> tuple[str, ...]:
    """Weights as int8, activations as int16."""
    return _static(conversion, 16)


def _kept(conversion: Conversion, found: Sequence[Graph], every: Sequence[Node], bits: int) -> Kept:
    """What a static file leaves in float32, whatever its layers lose."""
    assert conversion.ranges is not None, "a static scheme needs recorded ranges"
    _sizes_of_weights(every, without=_UNSUPPORTED)
    # A softmax of masked scores stays in float32, as all that takes so large values: tflite-runtime quantizes what lies
    # far below a clipped range, as -1e9, to its highest value.
    ranges = conversion.ranges
    kept = without_ranges(every, floats(found), ranges) | kept_in_float(every, ranges, outputs(found))
    refuse_if_all_is_kept(every, kept)
    return kept | _left_out(every, kept, bits, conversion.rung)


def _static(conversion: Conversion, bits: int, scheme: Scheme = "int8") -> tuple[str, ...]:
    found = graphs(conversion.source)
    every = nodes(found)
    kept = _kept(conversion, found, every, bits)
    ranges = conversion.ranges or {}
    operators = [operator for graph in found for operator in graph.operators]
    # Tables of 16 bits would be twice as large as those of 8, which tflite-runtime does not turn into 16 behind.
    stored = [
        node
        for node in every
        if node.weights and (node.op in _UNSUPPORTED or (bits, node.op) == (16, "GATHER"))
    ]
    job = Quantizer(with_stored_weights(conversion.source, [node.outputs[0] for node in stored], "INT8"))
    job.static("*", bits)
    job.keep_float_edges()
    job.keep([*kept, *(node.key for node in stored)])
    keep_higher(job, every, conversion.higher, SMALL_WEIGHTS)
    if bits == 16:
        # tflite-runtime answers wrongly where such a layer has a scale for each channel.
        job.static("FULLY_CONNECTED", bits, per_tensor=True, keys=_sequence_dense(operators, every, kept))
        ranges = wide_enough(ranges, operators)
    ranges = clip(ranges, in_tflite(operators, ranges), bits)
    write_file(conversion.destination, job.content(ranges))
    left = [
        name
        for node in every
        if node.key in kept or node in stored or node.key in conversion.higher
        for name in node.outputs
    ]
    prove(conversion.destination, scheme if bits == 8 else "int16x8", left)
    if conversion.higher:
        # Products of two activations, as in attention, are among them: they follow the group that they belong to.
        products = [node for node in every if node.op in WEIGHTED]
        own = [node.outputs[0] for node in products if node.key in conversion.higher]
        alike = [node.outputs[0] for node in products if node.key in kept or node in stored]
        check_executed(conversion.destination, own, alike)
    reasons = sorted({reason for key, reason in kept.items() if reason})
    kept_notes = (f"In float32: {reason}." for reason in reasons)
    return (*_share(conversion), *_weights_only_note(conversion), *kept_notes)


def _left_out(every: Sequence[Node], kept: Kept, bits: int, rung: int) -> Kept:
    """What is left in float32 although it could be quantized: steep ops, on later rungs what an engine has not."""
    found: Kept = {}
    for node in every:
        if node.key in kept:
            continue
        if node.op in _STEEP:
            found[node.key] = "quotients and square roots, since they make large values of small ones"
        elif rung >= 2 and not node.weights:
            found[node.key] = "all ops without weights, since an engine fails on one of them"
        elif rung >= 1 and bits == 16 and node.op in LACKING:
            found[node.key] = f"{node.op}, for which tflite-runtime has no kernel of 16 bits"
        elif rung >= 1 and not node.weights and node.dimensions > _MOST_DIMENSIONS:
            found[node.key] = "values of five dimensions, which tflite-runtime does not take in few bits"
    return found


def _sequence_dense(
    operators: Sequence[Operator], every: Sequence[Node], kept: Mapping[str, str]
) -> list[str]:
    """The keys of dense layers with a bias whose input has three or more dimensions."""
    return [
        node.key
        for operator, node in zip(operators, every, strict=True)
        if operator.name == "FULLY_CONNECTED"
        and len(operator.inputs) > 2
        and len(operator.inputs[0].shape) > 2
        and node.key not in kept
    ]


def _sizes_of_weights(every: Sequence[Node], without: Sequence[str] = ()) -> list[int]:
    """The number of weights of each operator that carries any, without those of some kinds.

    Raises:
        NothingToQuantize: there is none.
    """
    found = [node.weights for node in every if node.weights and node.op not in without]
    if found:
        return found
    others = sorted({node.op for node in every if node.weights})
    if not others:
        raise NothingToQuantize(NOTHING_TO_QUANTIZE)
    raise NothingToQuantize(
        f"the model has nothing to quantize: only {', '.join(others)} carries weights, which TFLite computes in "
        "float32 alone; use dynamic, which stores them in 8 bits"
    )


def _weights_only_note(conversion: Conversion) -> tuple[str, ...]:
    """The sentence on operators that compute in float32 with weights of 8 bits; tables compute nothing."""
    ops = sorted(computed_in_float(conversion.destination) - {"GATHER"})
    return (f"{', '.join(ops)} with weights of 8 bits compute in float32.",) if ops else ()


def _share(conversion: Conversion) -> tuple[str, ...]:
    return share_note(*quantized(conversion.destination))


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
