"""Mutants of a .tflite or .onnx file: one wrong weight, tensor, scale, zero point or normalisation constant."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

KINDS = ("weight", "tensor", "scale", "zero point", "normalisation")
Change = Callable[[np.ndarray, random.Random], None]


def mutate(content: bytes, kind: str, chance: random.Random) -> bytes | None:
    """The content with one mutation of a kind; None where the file has nothing of that kind."""
    made = _tflite(content, kind, chance) if content[4:8] == b"TFL3" else _onnx(content, kind, chance)
    return None if made == content else made


def _change(values: np.ndarray, kind: str, chance: random.Random) -> None:
    """Changes the values in their place, as the kind says."""
    flat = values.reshape(-1)
    at = chance.randrange(flat.size)
    with np.errstate(over="ignore", invalid="ignore"):
        if kind == "weight":
            how = chance.choice(("negated", "zero", "bit"))
            if how == "bit":
                raw = flat[at : at + 1].view(np.uint8)
                raw[chance.randrange(raw.size)] ^= 1 << chance.randrange(8)
            else:
                flat[at] = -flat[at] if how == "negated" else 0
        elif kind == "tensor":
            if chance.random() < 0.5 and flat.dtype.kind == "f":
                flat *= chance.choice((0.9, 1.05))
            else:
                flat[:] = np.roll(flat, chance.choice((1, flat.size // 2)))
        elif kind == "scale":
            flat[at] *= chance.choice((0.5, 0.9, 1.1, 2.0))
        elif kind == "zero point":
            flat[at] = np.clip(int(flat[at]) + chance.choice((-8, -1, 1, 8)), -128, 127)
        else:
            flat[at] *= chance.choice((0.5, 0.9, 1.1, 255.0))


def _tflite(content: bytes, kind: str, chance: random.Random) -> bytes | None:
    from ai_edge_litert import schema_py_generated as schema

    changed = bytearray(content)  # the schema's numpy views lie in it: writing to one changes the file
    model = schema.Model.GetRootAs(changed)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(index) for index in range(graph.TensorsLength())]
    constants = {
        index: model.Buffers(tensor.Buffer()).DataAsNumpy()
        for index, tensor in enumerate(tensors)
        if model.Buffers(tensor.Buffer()).DataLength()
    }
    arithmetic = {schema.BuiltinOperator.MUL, schema.BuiltinOperator.SUB, schema.BuiltinOperator.DIV}
    arithmetic.add(schema.BuiltinOperator.ADD)
    normalising: set[int] = set()
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        if model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode() in arithmetic:
            normalising |= set(operator.InputsAsNumpy().tolist())
    candidates: list[np.ndarray] = []
    for index, tensor in enumerate(tensors):
        quantization = tensor.Quantization()
        quantized = quantization is not None and quantization.ScaleLength() > 0
        if kind == "scale" and quantized:
            candidates.append(quantization.ScaleAsNumpy())
        elif kind == "zero point" and quantized and index not in constants and quantization.ZeroPointLength():
            candidates.append(quantization.ZeroPointAsNumpy())
        elif kind in ("weight", "tensor", "normalisation") and index in constants:
            dtype = _TFLITE_DTYPES.get(tensor.Type())
            floating = dtype is not None and dtype().dtype.kind == "f"
            if dtype is None or not (floating or quantized):  # a shape or an axis is no weight
                continue
            if (kind == "normalisation") == (floating and index in normalising):
                candidates.append(constants[index].view(dtype))
    if not candidates:
        return None
    _change(chance.choice(candidates), kind, chance)
    return bytes(changed)


_TFLITE_DTYPES: dict[int, Any] = {
    0: np.float32,
    1: np.float16,
    2: np.int32,
    4: np.int64,
    7: np.int16,
    9: np.int8,
}


def _onnx(content: bytes, kind: str, chance: random.Random) -> bytes | None:
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(content)
    roles = dict(_onnx_roles(model.graph))
    candidates = [tensor for tensor in model.graph.initializer if roles.get(tensor.name) == kind]
    if kind == "tensor":
        candidates = [tensor for tensor in model.graph.initializer if roles.get(tensor.name) == "weight"]
    if not candidates:
        return None
    tensor = chance.choice(candidates)
    values = numpy_helper.to_array(tensor).copy()
    _change(values, kind, chance)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return bytes(model.SerializeToString())


def _onnx_roles(graph: Any) -> Iterator[tuple[str, str]]:
    """What each initializer is, by the operator that takes it."""
    constants = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        for place, name in enumerate(node.input):
            if name not in constants:
                continue
            if node.op_type in ("QuantizeLinear", "DequantizeLinear") and place:
                # Of weights it must stay zero; those of activations may be anything.
                if place == 1 or node.input[0] not in constants:
                    yield name, "scale" if place == 1 else "zero point"
            elif node.op_type in ("Mul", "Sub", "Div", "Add"):
                yield name, "normalisation"
            elif node.op_type in (
                "Conv",
                "Gemm",
                "MatMul",
                "MatMulInteger",
                "ConvInteger",
                "DequantizeLinear",
            ):
                yield name, "weight"
