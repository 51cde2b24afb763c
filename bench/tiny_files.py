"""The smallest .tflite and .onnx files that ask an engine for one thing: an op's version, a type, an opset."""

import struct
from collections.abc import Sequence
from typing import Any


def flatbuffer(root: dict[int, Any], identifier: bytes) -> bytes:
    """A flatbuffer from nested values: a dict is a table by field number, a list a vector, bytes a string.

    A number in a table is a pair of its struct format and value; a list holds tables, strings, or, as a pair of
    their format and a list, numbers.
    """
    out = bytearray(8)
    struct.pack_into("<I4s", out, 0, _emit(out, root), identifier)
    return bytes(out)


def _emit(out: bytearray, value: Any) -> int:
    """Appends a value, children after their parent; gives its position."""
    if isinstance(value, dict):
        return _emit_table(out, value)
    if isinstance(value, bytes):
        at = _aligned(out, 4)
        out += struct.pack("<I", len(value)) + value + b"\0"
        return at
    if isinstance(value, tuple):
        form, numbers = value
        # The length stands right before numbers that are aligned to 8 bytes.
        at = _aligned(out, 8, 4)
        out += struct.pack("<I", len(numbers)) + b"".join(struct.pack(f"<{form}", item) for item in numbers)
        return at
    at = _aligned(out, 4)
    out += struct.pack("<I", len(value)) + bytes(4 * len(value))
    for index, item in enumerate(value):
        _point(out, at + 4 + 4 * index, item)
    return at


def _emit_table(out: bytearray, fields: dict[int, Any]) -> int:
    # Every field takes 8 bytes, the first of them 4 bytes behind the table's start.
    count = max(fields, default=-1) + 1
    order = {field: 4 + 8 * place for place, field in enumerate(fields)}
    slots = [order.get(field, 0) for field in range(count)]
    vtable = _aligned(out, 2)
    out += struct.pack(f"<{count + 2}H", 4 + 2 * count, 4 + 8 * len(fields), *slots)
    at = _aligned(out, 8, 4)
    out += struct.pack("<i", at - vtable) + bytes(8 * len(fields))
    for field, value in fields.items():
        place = at + order[field]
        if isinstance(value, tuple) and not isinstance(value[1], list):
            struct.pack_into(f"<{value[0]}", out, place, value[1])
        else:
            _point(out, place, value)
    return at


def _point(out: bytearray, place: int, value: Any) -> None:
    struct.pack_into("<I", out, place, _emit(out, value) - place)


def _aligned(out: bytearray, step: int, behind: int = 0) -> int:
    out += bytes((behind - len(out)) % step)
    return len(out)


def tflite_with_op(code: int, version: int) -> bytes:
    """A model whose one subgraph is empty, and which declares that it needs one builtin op in one version."""
    op = {0: ("b", min(code, 127)), 2: ("i", version), 3: ("i", code)}
    return _tflite([op], [])


def tflite_with_type(tensor_type: int) -> bytes:
    """A model with one tensor of a type that nothing uses."""
    return _tflite([], [{0: ("i", [1]), 1: ("b", tensor_type), 2: ("I", 0), 3: b"t"}])


def _tflite(
    op_codes: list[Any], tensors: list[Any], operators: Sequence[Any] = (), outputs: Sequence[int] = (),
    buffers: Sequence[Any] = ({},),
) -> bytes:  # fmt: skip
    given = [0] if operators else []
    subgraph = {0: tensors, 1: ("i", given), 2: ("i", list(outputs)), 3: list(operators)}
    return flatbuffer({0: ("I", 3), 1: op_codes, 2: [subgraph], 4: list(buffers)}, b"TFL3")


def tflite_with_options() -> bytes:
    """A model of one RESHAPE from x [1, 4] to y [2, 2], whose shape is a list in the op's options."""
    tensors = [_float_tensor(b"x", [1, 4]), _float_tensor(b"y", [2, 2])]
    op = {0: ("I", 0), 1: ("i", [0]), 2: ("i", [1]), 3: ("B", 17), 4: {0: ("i", [2, 2])}}
    return _tflite([{0: ("b", 22), 2: ("i", 1), 3: ("i", 22)}], tensors, [op], [1])


def tflite_with_sparse_weights() -> bytes:
    """A model of one dense layer from x [1, 4] to y [1, 4] with a diagonal of weights, kept as a sparse matrix."""
    dense = {0: ("B", 0), 1: ("I", 4)}
    compressed = {
        0: ("B", 1), 2: ("B", 1), 3: {0: ("i", [0, 1, 2, 3, 4])}, 4: ("B", 1), 5: {0: ("i", [0, 1, 2, 3])},
    }  # fmt: skip
    sparsity = {0: ("i", [0, 1]), 2: [dense, compressed]}
    weights = _float_tensor(b"w", [4, 4]) | {2: ("I", 1), 6: sparsity}
    tensors = [_float_tensor(b"x", [1, 4]), weights, _float_tensor(b"y", [1, 4])]
    op = {0: ("I", 0), 1: ("i", [0, 1, -1]), 2: ("i", [2]), 3: ("B", 8), 4: {0: ("b", 0)}}
    values = {0: ("B", list(struct.pack("<4f", 1, 2, 3, 4)))}
    return _tflite([{0: ("b", 9), 2: ("i", 8), 3: ("i", 9)}], tensors, [op], [2], [{}, values])


def _float_tensor(name: bytes, shape: list[int]) -> dict[int, Any]:
    return {0: ("i", shape), 1: ("b", 0), 2: ("I", 0), 3: name}


def onnx_identity(ir_version: int, opsets: dict[str, int], op: str = "Identity", domain: str = "") -> bytes:
    """A model of one op from x to y, float32 [1], under some IR version and opsets."""
    node = _field(1, b"x") + _field(2, b"y") + _field(4, op.encode()) + _field(7, domain.encode())
    tensor_type = _field(1, _number(1, 1) + _field(2, _field(1, _number(1, 1))))
    graph = _field(1, node) + _field(2, b"g")
    graph += _field(11, _field(1, b"x") + _field(2, tensor_type))
    graph += _field(12, _field(1, b"y") + _field(2, tensor_type))
    imports = b"".join(_field(8, _field(1, name.encode()) + _number(2, n)) for name, n in opsets.items())
    return _number(1, ir_version) + _field(7, graph) + imports


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))
