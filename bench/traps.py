"""Files that a device may be given and must not trust: made by converters as they are, or by hand."""

from __future__ import annotations

from pathlib import Path

from bench.tiny_files import flatbuffer, onnx_identity, tflite_with_op, tflite_with_type


def converted(bundle: Path, folder: Path) -> dict[str, Path]:
    """Two ways to quantize dense layers that go wrong on tflite-runtime, from a bundle's own files; by name.

    TensorFlow's converter with its defaults writes FULLY_CONNECTED version 12, which does not load. The LiteRT
    quantizer with a scale for each channel writes version 1, which loads and answers garbage.
    """
    import tensorflow as tf
    from litert_quantizer import qtyping, quantizer

    converter = tf.lite.TFLiteConverter.from_saved_model(str(bundle / "saved_model"))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    job = quantizer.Quantizer(str(bundle / "tflite-float32.tflite"))
    weights = qtyping.TensorQuantizationConfig(
        num_bits=8, symmetric=True, granularity=qtyping.QuantGranularity.CHANNELWISE
    )
    job.update_quantization_recipe(
        regex=".*",
        operation_name=qtyping.TFLOperationName.FULLY_CONNECTED,
        op_config=qtyping.OpQuantizationConfig(
            weight_tensor_config=weights, compute_precision=qtyping.ComputePrecision.INTEGER
        ),
    )
    contents = {
        "converter's dynamic": converter.convert(),
        "quantizer's per channel": bytes(
            job.quantize(None, enable_progress_report=False, enable_progress_bar=False).quantized_model
        ),
    }
    return _written(contents, folder, ".tflite")


def cut(sound_tflite: bytes, sound_onnx: bytes, folder: Path) -> dict[str, Path]:
    """Sound files whose copy was cut short; by name. An engine may open one and read what lies behind it in memory."""
    tflite = {"half a file": sound_tflite[: len(sound_tflite) // 2], "a page of a file": sound_tflite[:4096]}
    onnx = {"half a file": sound_onnx[: len(sound_onnx) // 2]}
    return _written(tflite, folder, ".tflite") | _written(onnx, folder, ".onnx")


def by_hand(folder: Path) -> dict[str, Path]:
    """The smallest files that ask for one thing too new or foreign, and some that are just in reach; by name."""
    custom = {0: ("b", 32), 1: b"FlexErf", 2: ("i", 1), 3: ("i", 32)}
    used = {0: ("I", 0), 1: ("i", [0]), 2: ("i", [1])}
    tensors = [{0: ("i", [1]), 1: ("b", 0), 3: b"x"}, {0: ("i", [1]), 1: ("b", 0), 3: b"y"}]
    graph = {0: tensors, 1: ("i", [0]), 2: ("i", [1]), 3: [used]}
    tflite = {
        "FULLY_CONNECTED 10": tflite_with_op(9, 10),
        "FULLY_CONNECTED 13": tflite_with_op(9, 13),
        "FULLY_CONNECTED 14": tflite_with_op(9, 14),
        "DEQUANTIZE 9": tflite_with_op(6, 9),
        "STABLEHLO_COMPOSITE": tflite_with_op(206, 1),
        "an op of the future": tflite_with_op(230, 1),
        "bfloat16 tensor": tflite_with_type(18),
        "uint4 tensor": tflite_with_type(20),
        "Flex op": flatbuffer({0: ("I", 3), 1: [custom], 2: [graph], 4: [{}]}, b"TFL3"),
    }
    onnx = {
        "opset 19": onnx_identity(8, {"": 19}),
        "opset 21": onnx_identity(8, {"": 21}),
        "opset 23": onnx_identity(8, {"": 23}),
        "opset 26": onnx_identity(8, {"": 26}),
        "opset 27": onnx_identity(8, {"": 27}),
        "IR version 10": onnx_identity(10, {"": 13}),
        "IR version 11": onnx_identity(11, {"": 13}),
        "IR version 13": onnx_identity(13, {"": 13}),
        "ai.onnx.ml 5": onnx_identity(8, {"": 13, "ai.onnx.ml": 5}),
        "custom domain": onnx_identity(8, {"": 13, "com.example": 1}, domain="com.example"),
    }
    return _written(tflite, folder, ".tflite") | _written(onnx, folder, ".onnx")


def _written(contents: dict[str, bytes], folder: Path, suffix: str) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, content in contents.items():
        path = paths[f"{name}{suffix}"] = folder / f"{name.replace(' ', '-')}{suffix}"
        path.write_bytes(content)
    return paths
