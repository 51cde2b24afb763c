"""SavedModel to ONNX: float32 by tf2onnx, the other schemes from that file by ONNX Runtime's own tools."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from export.formats.conversion import Conversion, Ranges, chunks
from export.formats.tf2onnx import from_saved_model
from export.quantization.saturation import clipped, in_onnx
from runtime.atomic import write_file
from runtime.errors import ConversionError

IR_VERSION = 8
_WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")


def float32(conversion: Conversion) -> None:
    """tf2onnx's SavedModel route, simplified by ONNX Runtime, with names that do not change from run to run."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    model = from_saved_model(conversion.source)
    names = [value.name for value in model.graph.input]
    if names != [conversion.input_name]:
        # Seen from other routes: the mean and variance of a Normalization layer became inputs of the graph.
        raise ConversionError(
            f"the ONNX graph has the inputs {', '.join(names)}; expected {conversion.input_name} alone"
        )
    with _scratch() as folder:
        onnx.save(model, folder / "raw.onnx")
        quant_pre_process(folder / "raw.onnx", folder / "simple.onnx", skip_symbolic_shape=True)
        model = onnx.load(folder / "simple.onnx")
    _name_by_position(model)
    _save(model, conversion.destination)


def float16(conversion: Conversion) -> None:
    """Weights and arithmetic in float16, inputs, outputs and preprocessing in float32."""
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = onnx.load(conversion.source)
    halved = convert_float_to_float16(model, keep_io_types=True, node_block_list=prefix(model.graph.node))
    _keep_float32_chains(halved)
    ordered = OnnxModel(halved)
    ordered.topological_sort()  # the casts at the graph's edges were appended at its end
    _save(ordered.model, conversion.destination)


def dynamic(conversion: Conversion) -> None:
    """8-bit weights, activations quantized at each call.

    Two passes, because ONNX Runtime's CPU kernels take int8 weights in MatMulInteger, but only uint8 in ConvInteger.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _scratch() as folder:
        quantize_dynamic(
            onnx.load(
                conversion.source
            ),  # given its path, ONNX Runtime writes a file beside it, as other steps do
            folder / "dense.onnx",
            op_types_to_quantize=["MatMul", "Gemm"],
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
        quantize_dynamic(
            folder / "dense.onnx",
            folder / "all.onnx",
            op_types_to_quantize=["Conv"],
            weight_type=QuantType.QUInt8,
        )
        _save(onnx.load(folder / "all.onnx"), conversion.destination)


def int8(conversion: Conversion) -> None:
    """Static QDQ: signed 8-bit weights (per channel) and activations, ranges from the calibration."""
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization.calibrate import TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
    from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    assert conversion.ranges is not None, "a static scheme needs recorded ranges"
    with _scratch() as folder:
        model = load_model_with_shape_infer(_own_copy(conversion.source, folder))
    nodes = list(model.graph.node)
    ranges = {
        name: (np.array([low], np.float32), np.array([high], np.float32))
        for name, (low, high) in clipped(conversion.ranges, in_onnx(nodes), bits=8).items()
    }
    # What quantize_static does after its own calibration, which only ONNX Runtime 1.24 and later let one leave out.
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, ranges),
        nodes_to_quantize=[],
        nodes_to_exclude=prefix(nodes),
        op_types_to_quantize=[*QLinearOpsRegistry, *QDQRegistry],
        extra_options={},
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    _save(quantizer.model.model, conversion.destination)


def _own_copy(source: Path, folder: Path) -> Path:
    """A copy for one step alone: the quantizer writes a file beside what it reads, under a name that others use too."""
    return Path(shutil.copy(source, folder / "float32.onnx"))


def prefix(nodes: Iterable[Any]) -> list[str]:
    """Names of the nodes before the first one that carries weights: preprocessing, which stays in float."""
    names: list[str] = []
    for node in nodes:
        if node.op_type in _WEIGHTED:
            return names
        names.append(node.name)
    return []


def activations(path: Path) -> set[str]:
    """Names of all tensors that nodes make."""
    import onnx

    return {name for node in onnx.load(path).graph.node for name in node.output}


def record_ranges(path: Path, samples: np.ndarray) -> Ranges:
    """Lowest and highest value of every activation of a float32 `.onnx` file over all samples (float32 [n, …])."""
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, create_calibrator

    class Chunks(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            self._chunks = ({name: chunk} for chunk in chunks(samples))

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._chunks, None)

    with _scratch() as folder:
        calibrator = create_calibrator(
            path,
            augmented_model_path=str(folder / "augmented.onnx"),
            calibrate_method=CalibrationMethod.MinMax,
            providers=["CPUExecutionProvider"],
        )
        calibrator.collect_data(Chunks(calibrator.infer_session.get_inputs()[0].name))
        found = calibrator.compute_data()
    return {
        name: (float(low.min()), float(high.max()))
        for name in found
        for low, high in [found[name].range_value]
    }


def prove(path: Path, scheme: str) -> None:
    """Prove by the file's own tensors that it is what its name says.

    Raises:
        ConversionError: a custom op domain, data outside the file, or tensors of another type than its scheme's.
    """
    import onnx

    model = onnx.load(path, load_external_data=False)
    foreign = sorted(
        {f"{node.domain}:{node.op_type}" for node in model.graph.node if node.domain not in _DOMAINS}
    )
    if foreign:
        raise ConversionError(
            f"{path.name} needs the custom op {', '.join(foreign)}, which a device's engine does not have"
        )
    types: dict[str, str] = {
        tensor.name: onnx.TensorProto.DataType.Name(tensor.data_type) for tensor in model.graph.initializer
    }
    if any(onnx.external_data_helper.uses_external_data(tensor) for tensor in model.graph.initializer):
        raise ConversionError(f"{path.name} keeps weights outside the file; a bundle takes whole files only")
    made_by = {name: node for node in model.graph.node for name in node.output}

    def kind(name: str) -> str:
        """The stored type of a tensor: for a QDQ pair, that of its integers."""
        node = made_by.get(name)
        if node is not None and node.op_type == "DequantizeLinear":
            return types.get(node.input[2], "?") if len(node.input) > 2 else "?"
        return types.get(name, "computed")

    weighted = [
        (node.op_type, kind(node.input[0]), kind(node.input[1]))
        for node in model.graph.node
        if node.op_type.removesuffix("Integer") in _WEIGHTED
    ]
    accepted: dict[str, tuple[set[str], set[str]]] = {
        "float32": ({"computed"}, {"FLOAT"}),
        "float16": ({"computed"}, {"FLOAT16"}),
        "dynamic": ({"computed"}, {"INT8", "UINT8"}),
        "int8": ({"INT8"}, {"INT8"}),
    }
    activations, weights = accepted[scheme]
    for op, activation, weight in weighted:
        if activation not in activations or weight not in weights:
            raise ConversionError(
                f"{path.name} is not {scheme}: its {op} has activations {activation}, weights {weight}"
            )


# ONNX Runtime's own domain is in every build of it; what its tools insert there is known to run.
_DOMAINS = ("", "ai.onnx")


def _name_by_position(model: Any) -> None:
    """Rename nodes and inner tensors after their op and position: tf2onnx's names carry a running counter."""
    public = {value.name for value in (*model.graph.input, *model.graph.output)}
    names: dict[str, str] = {}
    constants = {tensor.name for tensor in model.graph.initializer}
    for position, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{position}"
        for slot, name in enumerate(node.input):
            if name in constants and name not in names:
                names[name] = f"{node.name}.{slot}"
        for slot, name in enumerate(node.output):
            if name and name not in public:
                names[name] = f"{node.name}:{slot}"
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        node.ClearField("doc_string")
    for tensor in model.graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)
    kept = sorted(model.graph.initializer, key=lambda tensor: tensor.name)
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def _keep_float32_chains(model: Any) -> None:
    """Remove every cast to float16 and straight back: between nodes kept in float32 it only rounds.

    A longitude of -119.57 would become -119.56 before it is standardised.
    """
    import onnx

    def casts(kind: int) -> dict[str, str]:
        return {
            node.output[0]: node.input[0]
            for node in model.graph.node
            if node.op_type == "Cast" and node.attribute[0].i == kind
        }

    down, up = casts(onnx.TensorProto.FLOAT16), casts(onnx.TensorProto.FLOAT)
    same = {name: down[source] for name, source in up.items() if source in down}
    for node in model.graph.node:
        node.input[:] = [same.get(name, name) for name in node.input]
    # Twice, since a cast down may have fed only the cast up that nobody needs now.
    for _ in range(2):
        used = {name for node in model.graph.node for name in node.input}
        used |= {value.name for value in model.graph.output}
        kept = [node for node in model.graph.node if used & set(node.output)]
        del model.graph.node[:]
        model.graph.node.extend(kept)


def _save(model: Any, destination: Path) -> None:
    """Check the model and write it, naming only the op domains it uses."""
    import onnx

    used = {node.domain for node in model.graph.node}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    model.ir_version = IR_VERSION
    model.producer_name, model.producer_version = "edgeproof", ""
    onnx.checker.check_model(model)
    write_file(destination, model.SerializeToString(deterministic=True))


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="edgeproof-") as folder:
        yield Path(folder)
