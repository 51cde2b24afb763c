"""ONNX Runtime's own tools: they simplify, halve and quantize an ONNX model, and record the ranges of its activations.

Some stand in modules without documents: the inner steps of `quantize_static`, which only later versions let one call
with ranges that were recorded before, and the conversion to float16. Read in onnxruntime 1.23 and 1.31.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from export.chunks import chunks
from export.formats.format import Ranges
from runtime.backends.onnxruntime import EXACT_KERNELS


def simplified(model: Any) -> Any:
    """The model with shapes inferred, constants folded, and nodes fused where that is the same on every machine."""
    import onnx
    from onnxruntime.quantization import quant_pre_process

    with scratch() as folder:
        onnx.save(model, folder / "raw.onnx")
        quant_pre_process(folder / "raw.onnx", folder / "simple.onnx", skip_symbolic_shape=True)
        return onnx.load(folder / "simple.onnx")


def in_float16(model: Any, kept: list[str]) -> Any:
    """The model with weights and arithmetic in float16, less the nodes named in `kept`.

    The casts at its edges come last, wherever they belong; between two nodes that were kept there are casts to float16
    and straight back.
    """
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(model, keep_io_types=True, node_block_list=kept)


def with_8_bit_weights(source: Path, kept: list[str], loops: bool) -> Any:
    """The model in a file with 8-bit weights, not for `kept`, and activations quantized at each call.

    `loops` says whether it has any.

    Two passes, because ONNX Runtime's CPU kernels take int8 weights in MatMulInteger, but only uint8 in ConvInteger.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    inside = {"EnableSubgraph": True} if loops else {}
    with scratch() as folder:
        quantize_dynamic(
            _own_copy(source, folder),
            folder / "dense.onnx",
            op_types_to_quantize=["MatMul", "Gemm"],
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=kept,
            extra_options=inside,
        )
        quantize_dynamic(
            folder / "dense.onnx",
            folder / "all.onnx",
            op_types_to_quantize=["Conv"],
            weight_type=QuantType.QUInt8,
            nodes_to_exclude=kept,
            extra_options=inside,
        )
        return onnx.load(folder / "all.onnx")


def in_int8(source: Path, ranges: Ranges, kept: list[str], keep_relu: bool) -> Any:
    """The model in a file with QDQ pairs: signed 8-bit weights (per channel) and activations, not for `kept`.

    `keep_relu` leaves a ReLU in the graph where the range of what it makes cuts off the same values.
    """
    from onnxruntime.quantization import CalibrationMethod, QDQQuantizer, QuantType
    from onnxruntime.quantization.calibrate import TensorsData
    from onnxruntime.quantization.quant_utils import load_model_with_shape_infer
    from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

    found = {
        name: (np.array([low], np.float32), np.array([high], np.float32))
        for name, (low, high) in ranges.items()
    }
    # What quantize_static does after its own calibration, which only ONNX Runtime 1.24 and later let one leave out.
    with scratch() as folder:
        model = load_model_with_shape_infer(_own_copy(source, folder))
    quantizer = QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, found),
        nodes_to_quantize=[],
        nodes_to_exclude=kept,
        op_types_to_quantize=[*QLinearOpsRegistry, *QDQRegistry],
        extra_options={"QDQKeepRemovableActivations": True} if keep_relu else {},
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    return quantizer.model.model


def record_ranges(path: Path, samples: Mapping[str, np.ndarray]) -> Ranges:
    """Lowest and highest value of every activation of a float32 `.onnx` file over all samples.

    `samples` are by input name, [n, …] in the dtypes of the file's tensors.
    """
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, create_calibrator

    class Chunks(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._chunks = chunks(samples)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._chunks, None)

    with scratch() as folder:
        calibrator = create_calibrator(
            _own_copy(path, folder),
            augmented_model_path=str(folder / "augmented.onnx"),
            calibrate_method=CalibrationMethod.MinMax,
            providers=["CPUExecutionProvider"],
        )
        calibrator.collect_data(Chunks())
        found = calibrator.compute_data()
    return {
        name: (float(low.min()), float(high.max()))
        for name in found
        for low, high in [found[name].range_value]
    }


def answers(model: Any, feeds: Mapping[str, np.ndarray], outputs: Sequence[str]) -> dict[str, np.ndarray]:
    """What a model gives for inputs by name, optimized as on a device: the named outputs of its graph."""
    import onnxruntime

    options = _as_on_a_device()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return dict(zip(outputs, session.run(list(outputs), dict(feeds)), strict=True))


def optimized(path: Path) -> Any:
    """The graph that ONNX Runtime executes of a file, on the processor of this machine, loaded as on a device."""
    import onnx
    import onnxruntime

    options = _as_on_a_device()
    with scratch() as folder:
        options.optimized_model_filepath = str(folder / "optimized.onnx")
        onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        return onnx.load(folder / "optimized.onnx")


def _as_on_a_device() -> Any:
    """Options of a session that computes as the runtime's does.

    It says nothing but errors: it warns that a graph that it writes is for this machine, which is the point.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry(EXACT_KERNELS, "1")
    return options


def _own_copy(source: Path, folder: Path) -> Path:
    """A copy for one step alone: ONNX Runtime writes beside what it reads, under a name that other steps use too."""
    return Path(shutil.copy(source, folder / "source.onnx"))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for files between two steps."""
    with tempfile.TemporaryDirectory(prefix="edgeproof-") as folder:
        yield Path(folder)
