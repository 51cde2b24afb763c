"""SavedModel to ONNX: float32 by tf2onnx, the other schemes from that file by ONNX Runtime's own tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export.formats import onnx_graph, onnxruntime
from export.formats.format import Calibration, Conversion, Format, Scheme
from export.formats.tf2onnx import from_saved_model
from export.quantization.saturation import clip, in_onnx
from runtime.atomic import write_file
from runtime.errors import ConversionError

IR_VERSION = 8
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# ONNX's own ops. Those of ONNX Runtime's own domain, com.microsoft, are refused too: no scheme needs one.
_DOMAINS = ("", "ai.onnx")
# What the activations and the weights of an op that carries weights may be.
_TYPES: dict[Scheme, tuple[set[str], set[str]]] = {
    "float32": ({"computed"}, {"FLOAT"}),
    "float16": ({"computed"}, {"FLOAT16"}),
    "dynamic": ({"computed"}, {"INT8", "UINT8"}),
    "int8": ({"INT8"}, {"INT8"}),
}


def float32(conversion: Conversion) -> tuple[str, ...]:
    """tf2onnx's SavedModel route, simplified by ONNX Runtime, with names that do not change from run to run."""
    model = from_saved_model(conversion.source)
    onnx_graph.declare(model.graph, conversion.record.inputs, conversion.record.outputs)
    model = onnxruntime.simplified(model)
    onnx_graph.name_by_position(model)
    _save(model, conversion.destination)
    return ()


def float16(conversion: Conversion) -> tuple[str, ...]:
    """Weights and arithmetic in float16, inputs, outputs and preprocessing in float32."""
    import onnx

    model = onnx.load(conversion.source)
    halved = onnxruntime.in_float16(model, kept=prefix(model.graph))
    onnx_graph.keep_float32_chains(halved)
    _save(halved, conversion.destination)
    return ()


def dynamic(conversion: Conversion) -> tuple[str, ...]:
    """8-bit weights, activations quantized at each call."""
    _save(onnxruntime.with_8_bit_weights(conversion.source), conversion.destination)
    return ()


def int8(conversion: Conversion) -> tuple[str, ...]:
    """Static QDQ: signed 8-bit weights (per channel) and activations, ranges from the calibration."""
    import onnx

    assert conversion.ranges is not None, "a static scheme needs recorded ranges"
    graph = onnx.load(conversion.source).graph
    ranges = clip(conversion.ranges, in_onnx(onnx_graph.nodes(graph)), bits=8)
    _save(onnxruntime.in_int8(conversion.source, ranges, kept=prefix(graph)), conversion.destination)
    return ()


def prefix(graph: Any) -> list[str]:
    """Names of a graph's nodes before the first one that carries weights: preprocessing, which stays in float."""
    names: list[str] = []
    for node in graph.node:
        if any(inner.op_type in _WEIGHTED for inner in onnx_graph.node_and_inner(node)):
            return names
        names.append(node.name)
    return []


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


def prove(path: Path, scheme: Scheme) -> None:
    """Prove by the file's own tensors, in all its graphs, that it is what its name says.

    Raises:
        ConversionError: a custom op domain, data outside the file, or tensors of another type than its scheme's.
    """
    import onnx

    model = onnx.load(path, load_external_data=False)
    nodes = list(onnx_graph.nodes(model.graph))
    foreign = sorted({f"{node.domain}:{node.op_type}" for node in nodes if node.domain not in _DOMAINS})
    if foreign:
        raise ConversionError(
            f"{path.name} needs the custom op {', '.join(foreign)}, which a device's engine does not have"
        )
    stored = [tensor for graph in onnx_graph.graphs(model.graph) for tensor in graph.initializer]
    if any(onnx.external_data_helper.uses_external_data(tensor) for tensor in stored):
        raise ConversionError(f"{path.name} keeps weights outside the file; a bundle takes whole files only")
    name_of = onnx.TensorProto.DataType.Name
    types: dict[str, str] = {tensor.name: name_of(tensor.data_type) for tensor in stored}
    # Inside Loop and If, weights are mostly constants.
    types |= {
        node.output[0]: name_of(node.attribute[0].t.data_type)
        for node in nodes
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    made_by = {name: node for node in nodes for name in node.output}

    def kind(name: str) -> str:
        """The stored type of a tensor: for a QDQ pair, that of its integers."""
        node = made_by.get(name)
        if node is not None and node.op_type == "DequantizeLinear":
            return types.get(node.input[2], "?") if len(node.input) > 2 else "?"
        return types.get(name, "computed")

    activations, weights = _TYPES[scheme]
    for node in nodes:
        if node.op_type.removesuffix("Integer") in _WEIGHTED:
            activation, weight = kind(node.input[0]), kind(node.input[1])
            if node.op_type == "MatMul" and weight == "computed" and weight in activations:
                continue  # as in attention: two activations, no weight
            if activation not in activations or weight not in weights:
                raise ConversionError(
                    f"{path.name} is not {scheme}: its {node.op_type} has activations {activation}, weights {weight}"
                )


def _save(model: Any, destination: Path) -> None:
    """Sort and check the model and write it, naming only the op domains it uses."""
    import onnx

    onnx_graph.sort(model.graph)
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
    converters={"float32": float32, "float16": float16, "dynamic": dynamic, "int8": int8},
    prove=prove,
    calibration=Calibration(activations, onnxruntime.record_ranges),
)
