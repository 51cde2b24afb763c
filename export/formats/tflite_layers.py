"""The layers of a float32 `.tflite` file whose weights can be changed, and the file with others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.formats.tflite_graph import (
    builtin_name,
    load,
    name_of,
    pack,
    schema_of_files,
    stored_bytes,
    type_name,
)
from export.quantization.layers import Layer, Window

# By op, the axes of its weights in the order of those of a `Layer`.
_AXES = {"CONV_2D": (0, 3, 1, 2), "DEPTHWISE_CONV_2D": (3, 0, 1, 2), "FULLY_CONNECTED": (0, 1)}


def layers(path: Path) -> list[Layer]:
    """The dense layers and convolutions of the main graph, in its order; none whose weights are shared."""
    model = load(path.read_bytes())
    graph = model.subgraphs[0]
    takers = Counter(int(index) for op in graph.operators for index in op.inputs)
    buffers = Counter(tensor.buffer for inner in model.subgraphs for tensor in inner.tensors)

    def constant(index: int) -> np.ndarray | None:
        """The values of a float32 constant that one operator alone takes."""
        if index < 0:
            return None
        tensor = graph.tensors[index]
        if model.buffers[tensor.buffer].data is None or takers[index] > 1 or buffers[tensor.buffer] > 1:
            return None
        if type_name(tensor) != "FLOAT32":
            return None
        return np.frombuffer(stored_bytes(model, tensor), np.float32).reshape(tensor.shape)

    found = []
    for op in graph.operators:
        kind = builtin_name(model.operatorCodes[op.opcodeIndex])
        kernel = constant(int(op.inputs[1])) if kind in _AXES else None
        if kernel is None:
            continue
        place = int(op.inputs[2]) if len(op.inputs) > 2 else -1
        taken = graph.tensors[op.inputs[0]]
        if kind != "FULLY_CONNECTED" and _is_open(taken):
            continue
        found.append(
            Layer(
                key=";".join(name_of(graph.tensors[index]) for index in op.outputs),
                taken=name_of(taken),
                weights=name_of(graph.tensors[op.inputs[1]]),
                bias=name_of(graph.tensors[place]) if place >= 0 else None,
                kernel=kernel.transpose(_AXES[kind]),
                axes=_AXES[kind],
                offset=constant(place),
                window=None if kind == "FULLY_CONNECTED" else _window(op.builtinOptions, taken, kernel.shape),
                groups=1 if kind == "FULLY_CONNECTED" else _groups(kind, taken, kernel.shape),
                channels_last=True,
            )
        )
    return found


def _is_open(tensor: Any) -> bool:
    """Whether the file leaves the height or the width open: then it does not say how many zeros are put around."""
    return tensor.shapeSignature is not None and min(tensor.shapeSignature[1:]) < 0


def _groups(kind: str, taken: Any, kernel: tuple[int, ...]) -> int:
    channels = int(taken.shape[3])
    return channels if kind == "DEPTHWISE_CONV_2D" else channels // kernel[3]


def _window(options: Any, taken: Any, kernel: tuple[int, ...]) -> Window:
    strides = options.strideH, options.strideW
    dilations = options.dilationHFactor, options.dilationWFactor
    padded = [
        max((-(-size // stride) - 1) * stride + (width - 1) * step + 1 - size, 0)
        for size, width, stride, step in zip(taken.shape[1:3], kernel[1:3], strides, dilations, strict=True)
    ]
    if options.padding != schema_of_files().Padding.SAME:
        padded = [0, 0]
    height, width = (int(zeros) for zeros in padded)
    return Window(strides, dilations, (height // 2, width // 2), (height - height // 2, width - width // 2))


def with_constants(path: Path, values: Mapping[str, np.ndarray]) -> bytes:
    """The file with other values, float32 in the stored shape, of the named constants of the main graph."""
    model = load(path.read_bytes())
    for tensor in model.subgraphs[0].tensors:
        if name_of(tensor) in values:
            raw = np.ascontiguousarray(values[name_of(tensor)], "<f4").tobytes()
            model.buffers[tensor.buffer].data = np.frombuffer(raw, np.uint8)
    return pack(model)
