"""The static schemes of TFLite: activations of 8 or 16 bits, by the LiteRT quantizer, and what stays in float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from export.formats.format import Conversion, Scheme
from export.formats.tflite_constants import with_stored_weights
from export.formats.tflite_graph import Graph, Operator, graphs
from export.formats.tflite_mixed import check_executed, keep_higher
from export.formats.tflite_nodes import WEIGHTED, elementwise, floats, nodes, outputs, sizes_of_weights
from export.formats.tflite_proof import notes, prove
from export.formats.tflite_quantizer import UNKNOWN, Quantizer
from export.formats.tflite_ranges import wide_enough
from export.quantization.groups import Group, groups
from export.quantization.keep_in_float import (
    Kept,
    kept_in_float,
    refuse_if_all_is_kept,
    without_ranges,
)
from export.quantization.nodes import Node
from export.quantization.saturation import cut
from runtime.atomic import write_file

RUNGS = ("all ops", "without the ops that an engine lacks", "ops with weights only")
# Ops of 16 bits that tflite-runtime 2.14 has no kernels for; LiteRT has them.
LACKING = ("GELU", "SUM")
# Ops of few bits on tensors of five dimensions end tflite-runtime's process.
_MOST_DIMENSIONS = 4
_PRODUCTS = ("convolution", "depthwise", "MatMul", "conv_transpose")  # how Keras' ops with weights are traced
_UNNAMED = "StatefulPartitionedCall"
# Of small values, which few bits round to zero, these make large ones.
_STEEP = ("RSQRT", "SQRT", "DIV")


def int8(conversion: Conversion) -> tuple[str, ...]:
    """Weights and activations as int8, weights per channel, ranges from the calibration."""
    return _static(conversion, 8)


def int8_mixed(conversion: Conversion) -> tuple[str, ...]:
    """As int8, with groups of layers in a higher scheme: `conversion.higher`; LiteRT's plan is compared with that."""
    return _static(conversion, 8, "int8-mixed")


def int16x8(conversion: Conversion) -> tuple[str, ...]:
    """Weights as int8, activations as int16."""
    return _static(conversion, 16)


def mixable(conversion: Conversion) -> list[Group]:
    """The groups of layers that an int8 file quantizes."""
    found = graphs(conversion.source)
    every = nodes(found)
    kept = {*_kept(conversion, found, every, 8), *(node.key for node in every if node.op in UNKNOWN)}
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


def _kept(conversion: Conversion, found: Sequence[Graph], every: Sequence[Node], bits: int) -> Kept:
    """What a static file leaves in float32, whatever its layers lose."""
    assert conversion.ranges is not None, "a static scheme needs recorded ranges"
    sizes_of_weights(every, without=UNKNOWN)
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
    ranges = cut(conversion.ranges or {}, *elementwise(found, {*kept, *conversion.higher}), bits)
    operators = [operator for graph in found for operator in graph.operators]
    # Tables of 16 bits would be twice as large as those of 8, which tflite-runtime does not turn into 16 behind.
    stored = [
        node for node in every if node.weights and (node.op in UNKNOWN or (bits, node.op) == (16, "GATHER"))
    ]
    job = Quantizer(with_stored_weights(conversion.source, [node.outputs[0] for node in stored], "INT8"))
    job.static("*", bits)
    job.keep_float_edges()
    job.keep([*kept, *(node.key for node in stored)])
    keep_higher(job, every, conversion.higher)
    if bits == 16:
        # tflite-runtime answers wrongly where such a layer has a scale for each channel.
        job.static("FULLY_CONNECTED", bits, per_tensor=True, keys=_sequence_dense(operators, every, kept))
        ranges = wide_enough(ranges, operators)
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
    return (*notes(conversion.destination), *kept_notes)


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
