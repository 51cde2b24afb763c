"""Mixed `.onnx` files: groups of layers in a higher scheme than int8, and what ONNX Runtime makes of them.

ONNX Runtime 1.31 quantizes a convolution or dense layer in float32 again when it loads a file, where nothing but a
QuantizeLinear takes what it makes (its optimizer `WeightBiasQuantization`): the file says float32, and the engine
computes int8.  An op in between that it does not look through prevents that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.formats import onnxruntime
from export.formats.format import Higher
from export.formats.onnx_constants import WEIGHTED, forget_unused
from runtime.errors import ConversionError

_FLOAT_OPS = ("Conv", "FusedConv", "ConvTranspose", "Gemm", "FusedGemm", "MatMul", "FusedMatMul", "Gather")
_COPIES = ("Cast", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze", "ReorderInput")
_HALVED = "{}.half"
SMALL_WEIGHTS = (
    1024  # storing fewer in float16 saves less than the node that turns them into float32 again takes
)


def store_in_float16(model: Any, names: Iterable[str]) -> None:
    """Stores the float32 weights of the named nodes as float16; a Cast turns them into float32 again, once at load."""
    import onnx

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    wanted = set(names)
    for node in list(model.graph.node):
        slot = WEIGHTED.get(node.op_type)
        if node.name not in wanted or slot is None:
            continue
        tensor = stored.get(node.input[slot])
        if tensor is None or tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        if np.abs(values).max(initial=0) > np.finfo(np.float16).max:
            continue
        half, made = _HALVED.format(tensor.name), f"{tensor.name}.float"
        if half not in stored:
            stored[half] = onnx.numpy_helper.from_array(values.astype(np.float16), half)
            model.graph.initializer.append(stored[half])
            cast = onnx.helper.make_node(
                "Cast", [half], [made], name=f"{half}/Cast", to=onnx.TensorProto.FLOAT
            )
            model.graph.node.insert(0, cast)
        node.input[slot] = made
    forget_unused(model.graph)


def put_barriers(model: Any, names: Iterable[str]) -> None:
    """Puts an identity behind the named nodes that ONNX Runtime neither removes nor looks through.

    A LeakyRelu with the slope 1.  ONNX Runtime computes it inside the convolution or dense layer before it.
    """
    import onnx

    wanted = set(names)
    for place, node in reversed(list(enumerate(model.graph.node))):
        if node.name in wanted:
            made, node.output[0] = node.output[0], f"{node.output[0]}.before"
            barrier = onnx.helper.make_node(
                "LeakyRelu", [node.output[0]], [made], name=f"{node.name}/barrier", alpha=1.0
            )
            model.graph.node.insert(place + 1, barrier)


def weights(model: Any, names: Iterable[str]) -> dict[str, np.ndarray]:
    """The weights of the named nodes of the main graph, as float32: as they are stored, or dequantized."""
    import onnx

    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    made_by = {node.output[0]: node for node in model.graph.node if node.op_type == "Cast"}
    wanted, found = set(names), {}
    for node in model.graph.node:
        slot = WEIGHTED.get(node.op_type)
        if node.name in wanted and slot is not None and len(node.input) > slot:
            name = node.input[slot]
            name = made_by[name].input[0] if name in made_by else name
            if name in stored:
                found[node.name] = onnx.numpy_helper.to_array(stored[name]).astype(np.float32)
    return found


def not_in_float(path: Path, claimed: Mapping[str, np.ndarray]) -> list[str]:
    """The nodes that ONNX Runtime does not compute in float32, though their weights are stored so.

    Read are the nodes that it executes: its optimized graph.  A node there has another name and takes its weights in
    another order, so what counts is the values of the weights that float32 ops take.

    Args:
        path: the file.
        claimed: the weights, float32, of the nodes that should compute in float32, by name.
    """
    import onnx

    graph = onnxruntime.optimized(path).graph
    arrays = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in _COPIES and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]]
    executed = {
        _fingerprint(arrays[name])
        for node in graph.node
        if node.op_type in _FLOAT_OPS
        for name in node.input
        if name in arrays and arrays[name].dtype in (np.float32, np.float16)
    }
    return sorted(name for name, values in claimed.items() if _fingerprint(values) not in executed)


def check_executed(path: Path, claimed: Mapping[str, np.ndarray]) -> None:
    """What ONNX Runtime executes is what is claimed: these nodes compute in float32.

    Raises:
        ConversionError: it computes one of them otherwise.
    """
    wrong = not_in_float(path, claimed)
    if wrong:
        raise ConversionError(
            f"{path.name} is not what it claims: ONNX Runtime does not compute {', '.join(wrong)} in float32"
        )


def _fingerprint(values: np.ndarray) -> bytes:
    """What weights are told by in any order, with zeros added or not."""
    flat = values.astype(np.float32).ravel()
    weights: np.ndarray = np.sort(flat[flat != 0])
    return weights.tobytes()


def halved(higher: Mapping[str, Higher]) -> list[str]:
    """The nodes whose weights are stored in float16."""
    return [name for name, scheme in higher.items() if scheme == "float16"]
