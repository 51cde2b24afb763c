"""What engines need otherwise than the LiteRT quantizer writes it, changed in the bytes of a `.tflite` file.

Written anew, a file would lose what is behind its graphs.  The schema's tables keep the place of their vectors in an
object that flatbuffers does not document.  Read in flatbuffers 25.12.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from export.formats.tflite_graph import schema_of_files

# The places of vectors of tensors in the schema's tables, of the one tensor of a signature's output, and of vectors of
# numbers in a quantization.
_GRAPH_OUTPUTS, _OP_INPUTS, _SIGNATURE_INDEX, _SCALES, _ZERO_POINTS = 8, 6, 6, 8, 10


def with_float_edges(content: bytes) -> bytes:
    """The file whose outputs, of inner graphs too, are float where they were, and no op between float and integers.

    The LiteRT quantizer makes an output of the quantized copy of a tensor that another op in the same graph wants
    quantized. The engines want what a loop's body gives to be of the type that it takes.  Where an output of the
    model goes on to another layer, the quantizer gives that layer the float copy beside integer weights; and where it
    goes on to an op that stays in float, the model's signature keeps the integers.
    """
    schema = schema_of_files()
    changed = bytearray(content)
    model = schema.Model.GetRootAs(changed, 0)
    for number in range(model.SubgraphsLength()):
        graph = model.Subgraphs(number)
        ops = [
            (_builtin(model.OperatorCodes(op.OpcodeIndex())), op)
            for op in map(graph.Operators, range(graph.OperatorsLength()))
        ]
        _replace(changed, graph, _GRAPH_OUTPUTS, _sources(ops, schema.BuiltinOperator.QUANTIZE))
        integers = _sources(ops, schema.BuiltinOperator.DEQUANTIZE)
        for _, op in ops:
            if op.OutputsLength() and graph.Tensors(op.Outputs(0)).Type() in (
                schema.TensorType.INT8,
                schema.TensorType.INT16,
            ):
                _replace(changed, op, _OP_INPUTS, integers)
        floats = {taken: made for made, taken in integers.items()}
        for signature in map(model.SignatureDefs, range(model.SignatureDefsLength())):
            if signature.SubgraphIndex() == number:
                for given in map(signature.Outputs, range(signature.OutputsLength())):
                    _replace_index(changed, given, floats)
    return bytes(changed)


def with_one_scale(content: bytes) -> bytes:
    """The file in which weights whose channels all have the same scale have it once, where a convolution takes floats.

    tflite-runtime 2.14 looks for the scale elsewhere when those of all channels are equal, finds 0, and answers with
    the bias alone.  They are equal where each filter copies one value, as those do that cut a picture into patches,
    and where training clips weights.
    """
    schema = schema_of_files()
    changed = bytearray(content)
    model = schema.Model.GetRootAs(changed, 0)
    for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for op in map(graph.Operators, range(graph.OperatorsLength())):
            if _builtin(model.OperatorCodes(op.OpcodeIndex())) == schema.BuiltinOperator.CONV_2D:
                taken, weights = (graph.Tensors(op.Inputs(place)) for place in range(2))
                kinds = schema.TensorType.FLOAT32, schema.TensorType.INT8
                if (taken.Type(), weights.Type()) == kinds and _alike(weights.Quantization()):
                    for place in (_SCALES, _ZERO_POINTS):
                        _keep_first(changed, weights.Quantization(), place)
    return bytes(changed)


def _alike(quantization: Any) -> bool:
    """Whether there are several scales, all the same, and no zero point but 0."""
    scales, points = quantization.ScaleAsNumpy(), quantization.ZeroPointAsNumpy()
    return np.size(scales) > 1 and bool(np.all(scales == scales[0])) and not np.any(points)


def _keep_first(content: bytearray, table: Any, place: int) -> None:
    """Shortens a vector to its first number where it lies."""
    start = table._tab.Vector(table._tab.Offset(place))
    struct.pack_into("<I", content, start - 4, 1)


def _sources(ops: Sequence[tuple[int, Any]], kind: int) -> dict[int, int]:
    """What the ops of a kind take, by what they make."""
    return {op.Outputs(0): op.Inputs(0) for builtin, op in ops if builtin == kind}


def _replace(content: bytearray, table: Any, place: int, by: Mapping[int, int]) -> None:
    """Replaces tensors in a vector where it lies: written anew, the file would lose what is behind its graphs."""
    offset = table._tab.Offset(place)
    if offset:
        start = table._tab.Vector(offset)
        for slot in range(table._tab.VectorLen(offset)):
            (tensor,) = struct.unpack_from("<i", content, start + 4 * slot)
            struct.pack_into("<i", content, start + 4 * slot, by.get(tensor, tensor))


def _replace_index(content: bytearray, given: Any, by: Mapping[int, int]) -> None:
    """Replaces the tensor that an output of a signature names, in the same way; that of number 0 is not stored."""
    offset = given._tab.Offset(_SIGNATURE_INDEX)
    if offset:
        tensor = given.TensorIndex()
        struct.pack_into("<I", content, given._tab.Pos + offset, by.get(tensor, tensor))


def _builtin(code: Any) -> int:
    return int(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
