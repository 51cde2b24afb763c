"""SavedModel to ONNX: float32 by tf2onnx, the other schemes from that file by ONNX Runtime's own tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export.formats import onnx_captured, onnx_constants, onnx_graph, onnx_mixed, onnx_names, onnxruntime
from export.formats.converter_errors import from_tf2onnx, no_onnx_ops
from export.formats.format import (
    NOTHING_TO_QUANTIZE,
    Calibration,
    Conversion,
    Format,
    Mixing,
    NothingToQuantize,
    Ranges,
    Scheme,
)
from export.formats.onnx_inner import OnnxFile
from export.formats.onnx_nodes import elementwise, nodes
from export.formats.onnx_proof import prove, quantized
from export.formats.tf2onnx import from_saved_model
from export.quantization.groups import Group, groups
from export.quantization.keep_in_float import (
    SHARED,
    Kept,
    before_weights,
    clip_softmax,
    kept_at_each_call,
    kept_in_float,
    notes_on_weights,
    refuse_if_all_is_kept,
    share_note,
    what_angles_are_made_of,
)
from export.quantization.nodes import Node
from export.quantization.saturation import cut
from runtime.atomic import write_file

IR_VERSION = 8
RUNGS = ("all ops", "ops with weights only")
_NOT_IN_16_BITS = ("IsInf",)  # ONNX has it for float32 alone, up to opset 19
_IN_8_BITS = ("Conv", "Gemm", "MatMul")  # what ONNX Runtime computes in 8 bits


def float32(conversion: Conversion) -> tuple[str, ...]:
    """tf2onnx's SavedModel route, simplified by ONNX Runtime, with names that do not change from run to run."""
    try:
        model = from_saved_model(conversion.source)
    except Exception as error:
        raise from_tf2onnx(error, conversion.source) from error
    _refuse_ops_of_tensorflow(model, conversion.source)
    onnx_graph.declare(model.graph, conversion.record.inputs, conversion.record.outputs)
    try:
        model = onnxruntime.simplified(model)
        if _has_loops(model):
            onnx_constants.move_into_loops(model.graph)
            model = onnxruntime.simplified(model)  # what a loop made of its constants in every step
    except Exception as error:
        raise from_tf2onnx(error, conversion.source) from error
    onnx_graph.name_by_position(model)
    _save(model, conversion.destination)
    return ()


def _refuse_ops_of_tensorflow(model: Any, saved_model: Path) -> None:
    """tf2onnx leaves an op that it does not know as it is, and says nothing.

    Raises:
        ConversionError: there is one.
    """
    import onnx

    known = {schema.name for schema in onnx.defs.get_all_schemas()}
    foreign = [
        (node.op_type, node.name) for node in onnx_graph.nodes(model.graph) if node.op_type not in known
    ]
    if foreign:
        raise no_onnx_ops(foreign, saved_model)


def float16(conversion: Conversion) -> tuple[str, ...]:
    """Weights and arithmetic in float16, inputs, outputs and preprocessing in float32."""
    import onnx

    model = onnx.load(conversion.source)
    every = _with_weights(model)
    angles = what_angles_are_made_of(every)
    refuse_if_all_is_kept(every, angles)
    lacking = [node.key for node in every if node.op in _NOT_IN_16_BITS]
    halved = onnxruntime.in_float16(model, kept=[*before_weights(every), *angles, *lacking])
    onnx_graph.drop_repeated(halved.graph)
    onnx_graph.keep_float32_chains(halved)
    _save(halved, conversion.destination)
    return _share(conversion)


def dynamic(conversion: Conversion) -> tuple[str, ...]:
    """8-bit weights, activations quantized at each call; tables of embeddings are looked up in 8 bits."""
    import onnx

    model = onnx.load(conversion.source)
    every = _with_weights(model)
    kept = kept_at_each_call(every) | dict.fromkeys(onnx_constants.give_each_its_own(model), SHARED)
    refuse_if_all_is_kept(every, kept)
    with onnxruntime.scratch() as folder:
        onnx.save(model, folder / "own.onnx")
        made = onnxruntime.with_8_bit_weights(folder / "own.onnx", list(kept), loops=_has_loops(model))
    done = onnx_constants.weights_in_8_bits(
        made, lambda node: node.op_type in ("ConvTranspose", "Gather") and node.name not in kept
    )
    _save(made, conversion.destination)
    prove(conversion.destination, "dynamic", kept)
    return (*_share(conversion), *_weights_only_note(made, done), *notes_on_weights(every, kept))


def int8(conversion: Conversion) -> tuple[str, ...]:
    """Static QDQ: signed 8-bit weights (per channel) and activations, ranges from the calibration.

    Inside loops the weights alone are in 8 bits.
    """
    return _static(conversion, "int8")


def int8_mixed(conversion: Conversion) -> tuple[str, ...]:
    """As int8, with groups of layers in a higher scheme: `conversion.higher`; what runs is compared with that.

    Raises:
        ConversionError: ONNX Runtime computes one of these in int8 all the same.
    """
    return _static(conversion, "int8-mixed")


def mixable(conversion: Conversion) -> list[Group]:
    """The groups of layers that an int8 file quantizes."""
    import onnx

    model = onnx.load(conversion.source)
    every = _with_weights(model)
    return groups(every, _left(conversion, model, every))


def _left(conversion: Conversion, model: Any, every: list[Node]) -> Kept:
    """What a static file leaves in float32, whatever its layers lose."""
    assert conversion.ranges is not None, "a static scheme needs recorded ranges"
    ranges = clip_softmax(every, conversion.ranges)
    kept = kept_in_float(every, ranges, {value.name for value in model.graph.output})
    kept |= dict.fromkeys(onnx_constants.give_each_its_own(model) - set(kept), SHARED)
    refuse_if_all_is_kept(every, kept)
    return kept | _left_out(every, kept, conversion.rung)


def _static(conversion: Conversion, scheme: Scheme) -> tuple[str, ...]:
    import onnx

    model = onnx.load(conversion.source)
    every = _with_weights(model)
    left = _left(conversion, model, every)
    ranges = clip_softmax(every, conversion.ranges or {})
    ranges = cut(ranges, *elementwise(model, {*left, *conversion.higher}), bits=8)
    with onnxruntime.scratch() as folder:
        onnx.save(model, folder / "own.onnx")
        made = onnxruntime.in_int8(
            folder / "own.onnx",
            ranges,
            kept=[*left, *conversion.higher],
            keep_relu=any(high <= 0 for high in _highest(every, ranges)),
        )
    onnx_constants.give_each_its_own_dequantized(made)
    onnx_constants.shorten_zero_points(made)
    inside = {node.key for node in every if node.graph}
    done = onnx_constants.weights_in_8_bits(made, lambda node: node.name in inside)
    if conversion.higher:
        large = {node.key for node in every if node.weights >= onnx_mixed.SMALL_WEIGHTS}
        onnx_mixed.store_in_float16(made, large.intersection(onnx_mixed.halved(conversion.higher)))
    onnx_names.shorten(made.graph)
    _save(made, conversion.destination)
    if conversion.higher:
        _keep_in_float(conversion, every)
    prove(conversion.destination, scheme, [*left, *inside, *conversion.higher])
    reasons = sorted({reason for reason in left.values() if reason})
    notes = (f"In float32: {reason}." for reason in reasons)
    return (*_share(conversion), *_weights_only_note(made, done), *notes)


def _keep_in_float(conversion: Conversion, every: list[Node]) -> None:
    """Sees to it that ONNX Runtime computes the groups in a higher scheme in float32, as the file says.

    Raises:
        ConversionError: it does not.
    """
    import onnx

    names = [node.key for node in every if node.weights and node.key in conversion.higher]
    model = onnx.load(conversion.destination)
    claimed = onnx_mixed.weights(model, names)
    wrong = onnx_mixed.not_in_float(conversion.destination, claimed)
    if wrong:
        onnx_mixed.put_barriers(model, wrong)
        _save(model, conversion.destination)
        onnx_mixed.check_executed(conversion.destination, claimed)


def _left_out(every: list[Node], kept: Kept, rung: int) -> Kept:
    """What is left in float32 on later rungs although it could be quantized."""
    reason = "all ops without weights, since an engine fails on one of them"
    return {node.key: reason for node in every if rung and not node.weights and node.key not in kept}


def _highest(every: list[Node], ranges: Ranges) -> list[float]:
    """The highest values that ReLUs make: at 0, ONNX Runtime would remove the ReLU and let negative ones through."""
    return [
        ranges[node.outputs[0]][1]
        for node in every
        if node.op in ("Relu", "Clip") and node.outputs[0] in ranges
    ]


def _weights_only_note(model: Any, done: list[str]) -> tuple[str, ...]:
    """The sentence on nodes that compute in float32 with weights of 8 bits; tables compute nothing."""
    ops = sorted({node.op_type for node in onnx_graph.nodes(model.graph) if node.name in done} - {"Gather"})
    if not ops:
        return ()
    where = "Inside loops, " if _has_loops(model) else ""
    return (f"{where}{', '.join(ops)} with weights of 8 bits compute in float32.",)


def _with_weights(model: Any) -> list[Node]:
    """The nodes of a model.

    Raises:
        NothingToQuantize: none carries weights.
    """
    every = nodes(model)
    if not any(node.weights for node in every):
        raise NothingToQuantize(NOTHING_TO_QUANTIZE)
    return every


def _has_loops(model: Any) -> bool:
    return any(node.op_type == "Loop" for node in onnx_graph.nodes(model.graph))


def _share(conversion: Conversion) -> tuple[str, ...]:
    return share_note(*quantized(conversion.destination))


def activations(path: Path) -> set[str]:
    """Names of all float32 tensors that nodes make, less those inside Loop and If, whose ranges are not recorded."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    floats = {
        value.name
        for value in (*graph.value_info, *graph.output)
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }
    return {name for node in graph.node for name in node.output if name in floats}


def _save(model: Any, destination: Path) -> None:
    """Sorts and checks the model and writes it, with the op domains and names that it uses and no more."""
    import onnx

    onnx_graph.sort(model.graph)
    for graph in onnx_graph.graphs(model.graph):
        del graph.value_info[:]  # shapes of inner tensors, which every reader infers
    onnx_captured.dequantize_in_steps(model.graph)
    used = {node.domain for node in onnx_graph.nodes(model.graph)}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = "edgeproof", ""
    onnx.checker.check_model(model)
    write_file(destination, model.SerializeToString(deterministic=True))


ONNX = Format(
    name="onnx",
    suffix=".onnx",
    float32_source="saved_model",
    converters={
        "float32": float32,
        "float16": float16,
        "dynamic": dynamic,
        "int8": int8,
        "int8-mixed": int8_mixed,
    },
    prove=prove,
    calibration=Calibration(activations, onnxruntime.record_ranges),
    rungs=RUNGS,
    mixing=Mixing(mixable, ("float16", "float32")),
    inner=OnnxFile,
)
