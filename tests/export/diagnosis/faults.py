"""Faults put into a quantized file: a wrong scale, a clipped range, a wrong column of weights, in one layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from export.formats.onnx_inner import OnnxFile
from export.formats.tflite_graph import load, name_of, pack
from export.formats.tflite_inner import TFLiteFile

Fault = Callable[
    [bytes, str], bytes | None
]  # the file and a quantized tensor in, the file with the fault out
WRONG_SCALE, CLIPPED = 1.5, 0.25
_FAR = 40  # how many tensors behind another the weights are looked for


def tflite_scale(content: bytes, tensor: str, factor: float = WRONG_SCALE) -> bytes | None:
    """What the layer's weights are multiplied with is wrong in every channel."""
    model, weights = _tflite_weights(content, tensor)
    if weights is None:
        return None
    weights.quantization.scale = [scale * factor for scale in weights.quantization.scale]
    return pack(model)


def tflite_clipped(content: bytes, tensor: str) -> bytes | None:
    """The range of what the layer gives is a quarter of what it was, for all that hold its values."""
    model = load(content)
    graph = model.subgraphs[0]
    file = TFLiteFile(content)
    same = {tensor}
    for step in file.steps:  # ops that hand values on need one scale on both sides
        if step.op in ("MAX_POOL_2D", "RESHAPE", "TRANSPOSE") and set(step.inputs) & same:
            same |= set(step.outputs)
    before = {}
    for each in graph.tensors:
        if name_of(each) in same and each.quantization is not None and each.quantization.scale is not None:
            before[name_of(each)] = each.quantization.scale[0]
            each.quantization.scale = [each.quantization.scale[0] * CLIPPED]
    for operator in graph.operators:  # a bias lies on the grid of inputs times weights
        names = [name_of(graph.tensors[index]) if index >= 0 else "" for index in operator.inputs]
        if names[0] in before and len(names) > 2 and names[2]:
            _onto_grid(model, graph.tensors[operator.inputs[2]], CLIPPED)
    return pack(model)


def _onto_grid(model: Any, bias: Any, factor: float) -> None:
    if bias.quantization is None or bias.quantization.scale is None:
        return
    bias.quantization.scale = [scale * factor for scale in bias.quantization.scale]
    wide = np.frombuffer(np.asarray(model.buffers[bias.buffer].data, np.uint8).tobytes(), np.int32)
    new = np.clip(np.rint(wide / factor), -(2**31), 2**31 - 1).astype(np.int32)
    model.buffers[bias.buffer].data = np.frombuffer(new.tobytes(), np.uint8)


def tflite_column(content: bytes, tensor: str, channel: int = 0) -> bytes | None:
    """The weights of one channel are in the wrong order, with the wrong sign."""
    model, weights = _tflite_weights(content, tensor)
    if weights is None:
        return None
    data = np.asarray(model.buffers[weights.buffer].data, np.uint8).view(np.int8).copy()
    shape = tuple(map(int, weights.shape))
    axis = int(weights.quantization.quantizedDimension) if len(weights.quantization.scale) > 1 else 0
    columns = np.moveaxis(data.reshape(shape), axis, 0)
    columns[channel % len(columns)] = _wrong(columns[channel % len(columns)])
    model.buffers[weights.buffer].data = data.view(np.uint8)
    return pack(model)


def _wrong(column: np.ndarray) -> np.ndarray:
    flat = -np.clip(column.ravel(), -127, 127)
    return np.roll(flat, flat.size // 2 + 1).reshape(column.shape)


def _tflite_weights(content: bytes, tensor: str) -> tuple[Any, Any]:
    """The model, and the int8 weights behind a tensor: those of the nearest op that has some."""
    model = load(content)
    graph = model.subgraphs[0]
    waiting = [next(place for place, each in enumerate(graph.tensors) if name_of(each) == tensor)]
    for _ in range(_FAR):
        at = waiting.pop(0) if waiting else None
        operator = next((op for op in graph.operators if at in op.outputs), None)
        if operator is None:
            continue
        for index in operator.inputs:
            if index >= 0 and _is_weights(model, graph.tensors[index]):
                return model, graph.tensors[index]
        waiting.extend(operator.inputs)
    return model, None


def _is_weights(model: Any, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    matrix = tensor.shape is not None and len(tensor.shape) > 1
    return data is not None and len(data) > 0 and tensor.type == 9 and matrix  # INT8


def onnx_scale(content: bytes, tensor: str, factor: float = WRONG_SCALE) -> bytes | None:
    """What the layer's weights are multiplied with is wrong in every channel."""
    model, weights = _onnx_weights(content, tensor)
    if weights is None:
        return None
    _scale_onnx(model, weights.input[1], factor)
    return bytes(model.SerializeToString())


def onnx_clipped(content: bytes, tensor: str) -> bytes | None:
    """The range of what the layer gives is a quarter of what it was, for all that share its scale."""
    model = onnx.load_from_string(content)
    name = next(node.input[1] for node in model.graph.node if node.output[0] == tensor)
    _scale_onnx(model, name, CLIPPED)
    makers = {made: node for node in model.graph.node for made in node.output}
    for node in model.graph.node:  # a bias lies on the grid of inputs times weights
        if node.op_type in ("Conv", "Gemm") and len(node.input) > 2:
            values, bias = makers.get(node.input[0]), makers.get(node.input[2])
            if values is not None and bias is not None and values.input[1] == name:
                _scale_onnx(model, bias.input[1], CLIPPED)
                _change(model, bias.input[0], lambda wide: np.rint(wide / CLIPPED).astype(np.int32))
    return bytes(model.SerializeToString())


def _scale_onnx(model: Any, name: str, factor: float) -> None:
    _change(model, name, lambda scale: scale * np.float32(factor))


def _change(model: Any, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    found = next(each for each in model.graph.initializer if each.name == name)
    found.CopyFrom(onnx.numpy_helper.from_array(change(onnx.numpy_helper.to_array(found)), name))


def onnx_column(content: bytes, tensor: str, channel: int = 0) -> bytes | None:
    """The weights of one channel are in the wrong order, with the wrong sign."""
    model, weights = _onnx_weights(content, tensor)
    if weights is None:
        return None
    values = next(each for each in model.graph.initializer if each.name == weights.input[0])
    data = onnx.numpy_helper.to_array(values).copy()
    axis = next((attribute.i for attribute in weights.attribute if attribute.name == "axis"), 0)
    columns = np.moveaxis(data, axis, 0)
    columns[channel % len(columns)] = _wrong(columns[channel % len(columns)])
    values.CopyFrom(onnx.numpy_helper.from_array(data, values.name))
    return bytes(model.SerializeToString())


def _onnx_weights(content: bytes, tensor: str) -> tuple[Any, Any]:
    """The model, and the DequantizeLinear of the weights behind a quantized tensor."""
    model = onnx.load_from_string(content)
    makers = {name: node for node in model.graph.node for name in node.output}
    constant = {each.name for each in model.graph.initializer}
    waiting = [makers[tensor].input[0]]
    for _ in range(_FAR):
        node = makers.get(waiting.pop(0)) if waiting else None
        if node is None:
            continue
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            for name in node.input:
                maker = makers.get(name)
                if maker is not None and maker.op_type == "DequantizeLinear" and maker.input[0] in constant:
                    return model, maker
        waiting.extend(node.input)
    return model, None


FAULTS: dict[str, dict[str, Fault]] = {
    "tflite": {"scale": tflite_scale, "clipped": tflite_clipped, "column": tflite_column},
    "onnx": {"scale": onnx_scale, "clipped": onnx_clipped, "column": onnx_column},
}
FILES = {"tflite": TFLiteFile, "onnx": OnnxFile}
