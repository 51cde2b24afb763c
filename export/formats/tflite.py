"""SavedModel to TFLite: float files by TensorFlow's converter, integer ones from them by the LiteRT quantizer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.chunks import chunks
from export.formats.format import Calibration, Conversion, Format, Ranges, Scheme
from export.formats.saved_model import SIGNATURE
from export.formats.tflite_graph import Operator, operators, signature, type_name
from export.quantization.saturation import clip, in_tflite
from export.quantization.select_branches import select_branches
from runtime.atomic import write_file
from runtime.bundle.manifest import TensorSpec
from runtime.errors import ConversionError

# Ops that carry weights: what comes before the first of them is preprocessing and stays in float (see `prefix`).
_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV", "CONV_3D", "BATCH_MATMUL")
SMALL_WEIGHTS = 1024  # quantizing a smaller layer saves less than its scales and the engine's extra work cost


def float32(conversion: Conversion) -> tuple[str, ...]:
    """The plain conversion."""
    import tensorflow as tf

    # Builtin ops only, which is the converter's default: an op that needs Flex is an error, never a fallback.
    converter = tf.lite.TFLiteConverter.from_saved_model(str(conversion.source))
    try:
        content = converter.convert()
    except Exception as error:
        missing = sorted(set(re.findall(r"'(tf\.\w+)' op is neither a custom op nor a flex op", str(error))))
        if not missing:
            raise
        raise ConversionError(
            f"TFLite has no op for {', '.join(missing)}, and an engine on a device has no Flex ops; build the model "
            "from other layers"
        ) from error
    write_file(conversion.destination, content)
    _check_signature(conversion)
    return ()


def _check_signature(conversion: Conversion) -> None:
    """The file has the inputs and outputs of the record, by name.

    Raises:
        ConversionError: it has others.
    """
    found = signature(conversion.destination, SIGNATURE)
    for what, records, has in zip(
        ("inputs", "outputs"), (conversion.record.inputs, conversion.record.outputs), found or ({}, {}), strict=True
    ):
        wanted = {record.name: record.tensor for record in records}
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
    from litert_quantizer import qtyping

    job = _quantizer(conversion.source)
    for operation in ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE"):
        job.update_quantization_recipe(
            regex=".*",
            operation_name=qtyping.TFLOperationName[operation],
            op_config=qtyping.OpQuantizationConfig(
                weight_tensor_config=qtyping.TensorQuantizationConfig(
                    num_bits=16, dtype=qtyping.TensorDataType.FLOAT
                ),
                explicit_dequantize=True,
            ),
            algorithm_key="float_casting",
        )
    _write_quantized(job, conversion)
    return ()


def dynamic(conversion: Conversion) -> tuple[str, ...]:
    """Weights as int8, activations quantized by the engine at each call.

    Convolutions are quantized per channel, dense layers per tensor: per channel, a dense layer needs
    FULLY_CONNECTED version 12, which tflite-runtime 2.14 does not have (TensorFlow's converter writes that version,
    and the file does not load; the quantizer does not, and the file answers garbage).  Small layers stay in float,
    as in TensorFlow's own dynamic-range files, but the largest one never does.
    """
    from litert_quantizer import qtyping

    job = _quantizer(conversion.source)
    least = min(SMALL_WEIGHTS, max(weight_counts(conversion.source), default=0))
    per_layer = {
        "FULLY_CONNECTED": "TENSORWISE",
        "CONV_2D": "CHANNELWISE",
        "DEPTHWISE_CONV_2D": "CHANNELWISE",
    }
    for operation, granularity in per_layer.items():
        job.update_quantization_recipe(
            regex=".*",
            operation_name=qtyping.TFLOperationName[operation],
            op_config=qtyping.OpQuantizationConfig(
                weight_tensor_config=qtyping.TensorQuantizationConfig(
                    num_bits=8, symmetric=True, granularity=qtyping.QuantGranularity[granularity]
                ),
                compute_precision=qtyping.ComputePrecision.INTEGER,
                min_weight_elements=least,
            ),
        )
    _write_quantized(job, conversion)
    return ()


def int8(conversion: Conversion) -> tuple[str, ...]:
    """Weights and activations as int8, weights per channel, ranges from the calibration."""
    return _static(conversion, activation_bits=8)


def int16x8(conversion: Conversion) -> tuple[str, ...]:
    """Weights as int8, activations as int16."""
    return _static(conversion, activation_bits=16)


def _quantizer(source: Path) -> Any:
    from litert_quantizer import quantizer

    return quantizer.Quantizer(str(source))


def _static(conversion: Conversion, activation_bits: int) -> tuple[str, ...]:
    from litert_quantizer import qtyping

    job = _quantizer(conversion.source)
    job.add_static_config(
        regex=".*",
        operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
        activation_num_bits=activation_bits,
        weight_num_bits=8,
    )
    # Float in, float out: every variant has the same signature, and the graph quantizes faster than numpy would.
    for edge in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
        job.update_quantization_recipe(regex=".*", operation_name=edge, algorithm_key="no_quantize")
    rows = list(operators(conversion.source))
    for name in prefix(rows):
        job.update_quantization_recipe(
            regex=f"^{re.escape(name)};?$",
            operation_name=qtyping.TFLOperationName.ALL_SUPPORTED,
            algorithm_key="no_quantize",
        )
    assert conversion.ranges is not None, "a static scheme needs recorded ranges"
    flat = in_tflite(rows, conversion.ranges)
    ranges = clip(conversion.ranges, flat, activation_bits)
    as_arrays = {
        name: {"min": np.array(low, np.float32), "max": np.array(high, np.float32)}
        for name, (low, high) in ranges.items()
    }
    _write_quantized(job, conversion, as_arrays)
    return ()


def _write_quantized(job: Any, conversion: Conversion, ranges: dict[str, Any] | None = None) -> None:
    result = job.quantize(ranges, enable_progress_report=False, enable_progress_bar=False)
    write_file(conversion.destination, bytes(result.quantized_model))


def prefix(rows: Iterable[Operator]) -> list[str]:
    """Names of the tensors made before the first op that carries weights: scaling, standardising, clipping.

    These stay in float: one int8 scale for all columns of a table would erase the small ones.
    """
    names: list[str] = []
    for name, _, outputs in rows:
        if name in _WEIGHTED:
            return names
        names += [tensor.name.decode() for tensor in outputs]
    return []


def weight_counts(path: Path) -> list[int]:
    """The number of weights of each operator that carries any."""
    return [
        int(np.prod(inputs[1].shape))
        for name, inputs, _ in operators(path)
        if name in _WEIGHTED and len(inputs) > 1
    ]


def activations(path: Path) -> set[str]:
    """Names of all float32 tensors that operators make: those that have a range."""
    return {
        tensor.name.decode()
        for operator in operators(path)
        for tensor in operator.outputs
        if type_name(tensor) == "FLOAT32"
    }


def record_ranges(path: Path, samples: Mapping[str, np.ndarray]) -> Ranges:
    """Lowest and highest value of every activation of a float32 `.tflite` file over all samples.

    Exact extremes, not the quantizer's moving average, which cuts off what is rare; of what a SELECT throws away,
    none.  `samples` are by input name, [n, …] in the dtypes of the file's tensors.
    """
    import warnings

    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that keeping all tensors costs memory, which is the point
        interpreter = Interpreter(
            str(path),
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            num_threads=1,
        )
    given = interpreter.get_signature_runner(SIGNATURE).get_input_details()
    made = activations(path) | {detail["name"] for detail in given.values()}
    rules = select_branches(operators(path))
    details = interpreter.get_tensor_details()
    index = {detail["name"]: detail["index"] for detail in details}
    ranges: Ranges = {}
    for chunk in chunks(samples):
        for name, detail in given.items():
            interpreter.resize_tensor_input(detail["index"], chunk[name].shape)
        interpreter.allocate_tensors()
        for name, detail in given.items():
            interpreter.set_tensor(detail["index"], chunk[name])
        interpreter.invoke()
        for detail in details:
            if detail["dtype"] is np.float32 and detail["name"] in made:
                value = interpreter.get_tensor(detail["index"])
                rule = rules.get(detail["name"])
                if rule is not None:
                    value = rule.kept(value, interpreter.get_tensor(index[rule.condition]))
                low, high = ranges.get(detail["name"], (np.inf, -np.inf))
                ranges[detail["name"]] = (min(low, float(value.min())), max(high, float(value.max())))
    return ranges


def prove(path: Path, scheme: Scheme) -> None:
    """Prove by the file's own tensors that it is what its name says.

    Raises:
        ConversionError: it holds a Flex or custom op, or tensors of another type than its scheme's.
    """
    weighted: list[tuple[str, str, str, str]] = []
    halves = 0
    for name, inputs, outputs in operators(path):
        if name.startswith("CUSTOM:"):
            raise ConversionError(
                f"{path.name} needs the custom op {name.removeprefix('CUSTOM:')}, which a device's engine does not "
                "have; build the model from builtin ops"
            )
        halves += sum(type_name(tensor) == "FLOAT16" for tensor in inputs)
        if name in _WEIGHTED:
            given = inputs[2 if name == "TRANSPOSE_CONV" else 0]  # its first input is the output's shape
            weighted.append((name, type_name(given), type_name(inputs[1]), type_name(outputs[0])))
    accepts: dict[Scheme, Callable[[str, str, str], bool]] = {
        "float32": lambda x, w, y: (x, w, y) == ("FLOAT32",) * 3 and not halves,
        "float16": lambda x, w, y: x == y == "FLOAT32" and halves > 0,
        "dynamic": lambda x, w, y: x == y == "FLOAT32" and w in ("INT8", "FLOAT32"),
        "int8": lambda x, w, y: (x, w, y) == ("INT8",) * 3,
        "int16x8": lambda x, w, y: (x, w, y) == ("INT16", "INT8", "INT16"),
    }
    for name, source, weights, result in weighted:
        if not accepts[scheme](source, weights, result):
            raise ConversionError(
                f"{path.name} is not {scheme}: its {name} has input {source}, weights {weights}, output {result}"
            )
    if scheme == "dynamic" and not any(weights == "INT8" for _, _, weights, _ in weighted):
        raise ConversionError(f"{path.name} is not dynamic: none of its weights is INT8")


TFLITE = Format(
    name="tflite",
    suffix=".tflite",
    float32_source="saved_model",
    converters={
        "float32": float32,
        "float16": float16,
        "dynamic": dynamic,
        "int8": int8,
        "int16x8": int16x8,
    },
    prove=prove,
    calibration=Calibration(activations, record_ranges),
)
