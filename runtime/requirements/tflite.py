"""Reads from a .tflite file what it needs, and refuses one that is not sound: tflite-runtime checks next to nothing."""

from runtime.namedtuples import FastNamedTuple
from runtime.requirements.flatbuffer import Flatbuffer, Table, broken
from runtime.requirements.tflite_schema import OPS, OPTIONS, OPTIONS_2

_SCHEMA_VERSION = 3
_CUSTOM = 32  # the code of an op that is known by a name of its own
_FULLY_CONNECTED = 9
_FLOAT32, _INT8, _INT4 = 0, 9, 17
_WIDTHS = {"1": 1, "2": 2, "4": 4, "8": 8, "b": 1, "i": 4, "l": 8, "s": 1}
_MOST_NESTED = 20  # graphs that graphs call: a loop in a condition in a loop …
# Ops that call other graphs of the file: where their options are, and which of those fields are numbers of graphs.
_CALLS = {
    "IF": (4, (0, 1)),
    "WHILE": (4, (0, 1)),
    "CALL_ONCE": (4, (0,)),
    "STABLEHLO_COMPOSITE": (12, (1,)),
}
_SPARSE_INDICES = {1: 4, 2: 2, 3: 1}  # the width of an element by the type of the list
_BLOCKWISE = 2


class TfliteFacts(FastNamedTuple):
    """What one .tflite file is known to need, and how it computes.

    Attributes:
        ops: the highest version of each builtin op, by name.
        custom_ops: the names of the other ops.
        types: the codes of the tensors' types.
        min_runtime_version: the TensorFlow Lite that the converter asks for; empty where it does not say.
        external: whether weights lie outside of the file.
        blockwise: whether weights have a scale for each block.
        hybrid: whether an op takes floats beside int8 weights; TensorFlow Lite calls such kernels hybrid.
        hybrid_per_channel: whether such an op is a dense layer with a scale for each channel.
        int8_activations: whether tensors that are no constants are int8.
    """

    ops: dict[str, int]
    custom_ops: tuple[str, ...]
    types: frozenset[int]
    min_runtime_version: str
    external: bool
    blockwise: bool
    hybrid: bool
    hybrid_per_channel: bool
    int8_activations: bool


# The code of its type, how many scales it has, and whether its bytes are a constant of the file, it has scales for
# blocks, it lies outside of the file. A plain tuple: a file has many, and a cold start counts them.
_Tensor = tuple[int, int, bool, bool, bool]
_OpCode = tuple[str, int, bool]  # name, version, whether the op is custom


def read_tflite(content: bytes) -> TfliteFacts:
    """Reads what a file needs.

    Raises:
        BundleError: an offset or index of the file leads nowhere.
    """
    if len(content) < 16:
        broken("is truncated or damaged: nothing of a .tflite file is in it")
    model = Flatbuffer(content, b"TFL3").root
    if model.uint32(0) != _SCHEMA_VERSION:
        broken(f"has the schema version {model.uint32(0)}, known is {_SCHEMA_VERSION}")
    buffers = _buffers(model, len(content))
    codes = [_op_code(table) for table in model.tables(1)]
    tensors: list[_Tensor] = []
    tensor_counts: list[int] = []
    calls: dict[int, list[int]] = {}
    hybrid = per_channel = False
    for number, subgraph in enumerate(model.tables(2)):
        own = [_tensor(table, buffers) for table in subgraph.tables(0)]
        tensor_counts.append(len(own))
        for field in (1, 2):
            _check_indices(subgraph.int32s(field), len(own), 0)
        subgraph.text(4)
        for operator in subgraph.tables(3):
            op, inputs = _operator(operator, codes, own)
            if op in _CALLS:  # it hands its inputs on, and computes nothing
                calls.setdefault(number, []).extend(_called(operator, op))
                continue
            hybrid |= _is_hybrid(inputs)
            per_channel |= op == OPS[_FULLY_CONNECTED] and _is_hybrid(inputs[:2]) and inputs[1][1] > 1
        tensors += own
    if not tensor_counts:
        broken("holds no graph")
    _check_calls(calls, len(tensor_counts))
    _check_signatures(model, tensor_counts)
    ops: dict[str, int] = {}
    for name, version, custom in codes:
        if not custom:
            ops[name] = max(version, ops.get(name, 0))
    return TfliteFacts(
        ops,
        tuple(name for name, _, custom in codes if custom),
        frozenset(kind for kind, *_ in tensors),
        _min_runtime_version(content, model, buffers),
        model.vector(9, 4)[1] > 0 or any(external for *_, external in tensors),
        any(blockwise for *_, blockwise, _ in tensors),
        hybrid,
        per_channel,
        any(kind == _INT8 and not constant for kind, _, constant, *_ in tensors),
    )


def _buffers(model: Table, length: int) -> list[tuple[int, int]]:
    """Returns offset and size of each buffer's bytes in a file of `length` bytes."""
    model.text(3)
    model.int32s(5)
    places = []
    for buffer in model.tables(4):
        # 0 and 1 are placeholders. A larger offset leads behind the flatbuffer in the same file, where the quantizer
        # writes the weights of larger models.
        start, size = buffer.uint64(1), buffer.uint64(2)
        if start > 1 and start + size > length:
            broken("is truncated or damaged: weights lie behind its end")
        places.append((start, size) if start > 1 else buffer.vector(0, 1))
    return places


def _op_code(table: Table) -> _OpCode:
    old = table.byte(0)
    code = max(table.int32(3), old - 256 if old > 127 else old)
    custom, version = table.text(1), table.int32(2, 1)
    if code == _CUSTOM:
        return custom or "unnamed", version, True
    if code < 0:
        broken(f"is damaged: it has an op of the code {code}")
    return OPS[code] if code < len(OPS) else f"op {code}", version, False


def _tensor(table: Table, buffers: list[tuple[int, int]]) -> _Tensor:
    table.int32s(0)
    table.int32s(7)
    table.text(3)
    table.byte(5)
    table.byte(8)
    buffer = table.uint32(2)
    if buffer >= max(len(buffers), 1):
        broken("is damaged: a tensor's buffer does not exist")
    scales, blockwise = 0, False
    quantization = table.table(4)
    if quantization is not None:
        for field, width in ((0, 4), (1, 4), (3, 8)):
            quantization.vector(field, width)
        scales = quantization.vector(2, 4)[1]
        quantization.int32(6)
        details = quantization.table(5)
        if details is not None:
            blockwise = quantization.byte(4) >= _BLOCKWISE
            if not blockwise:
                details.vector(0, 1)
    _check_sparsity(table.table(6))
    for variant in table.tables(9):
        variant.int32s(0)
        variant.byte(1)
        variant.byte(2)
    constant = bool(buffers and buffers[buffer][1])
    return table.byte(1), scales, constant, blockwise, table.uint32(10) != 0


def _check_sparsity(table: Table | None) -> None:
    if table is None:
        return
    table.int32s(0)
    table.int32s(1)
    for dimension in table.tables(2):
        dimension.byte(0)
        dimension.int32(1)
        for field in (2, 4):
            indices = dimension.table(field + 1)
            width = _SPARSE_INDICES.get(dimension.byte(field))
            if indices is not None and width:
                indices.vector(0, width)


def _operator(table: Table, codes: list[_OpCode], tensors: list[_Tensor]) -> tuple[str, list[_Tensor]]:
    """Checks an operator; returns its name and the inputs that it is given."""
    index = table.uint32(0)
    if index >= len(codes):
        broken("is damaged: an operator's code does not exist")
    inputs, outputs = table.int32s(1), table.int32s(2)
    _check_indices(inputs, len(tensors), -1)  # -1 stands for an optional input that is not given
    _check_indices(outputs, len(tensors), 0)
    _check_indices(table.int32s(8), len(tensors), -1)
    table.vector(5, 1)
    table.byte(6)
    if table.vector(7, 1)[1] > len(inputs):
        broken("is damaged: an operator changes more inputs than it has")
    for kind, field, known in ((3, 4, OPTIONS), (11, 12, OPTIONS_2)):
        _check_options(table.table(field), known, table.byte(kind))
    if table.uint64(9) > 1 or table.uint64(10) > 1:
        broken("keeps a custom op's options behind its end")
    return codes[index][0], [tensors[place] for place in inputs if place >= 0]


def _called(operator: Table, op: str) -> list[int]:
    place, fields = _CALLS[op]
    options = operator.table(place)
    return [] if options is None else [options.int32(field) for field in fields]


def _check_calls(calls: dict[int, list[int]], count: int) -> None:
    """A graph that calls itself, by itself or through others, would end the process."""
    if any(not 0 <= called < count for several in calls.values() for called in several):
        broken("is damaged: an operator calls a graph that does not exist")
    left = calls
    for _ in range(_MOST_NESTED):
        # Each turn removes the graphs that call none of those left; a circle of calls is never removed.
        left = {number: several for number, several in left.items() if not left.keys().isdisjoint(several)}
    if left:
        broken(f"has graphs that call graphs, more than {_MOST_NESTED} deep or each other")


def _is_hybrid(inputs: list[_Tensor]) -> bool:
    types = {kind for kind, *_ in inputs}
    return _FLOAT32 in types and (_INT8 in types or _INT4 in types)


def _check_options(table: Table | None, known: list[str], kind: int) -> None:
    if table is None:
        return
    for field, letter in enumerate(known[kind] if 0 < kind < len(known) else ""):
        if letter in "1248":
            table.has(field, _WIDTHS[letter])
        elif letter == "s":
            table.text(field)
        elif letter in _WIDTHS:
            table.vector(field, _WIDTHS[letter])


def _check_indices(indices: tuple[int, ...], count: int, least: int) -> None:
    if indices and not (least <= min(indices) and max(indices) < count):
        broken("is damaged: it names a tensor that does not exist")


def _check_signatures(model: Table, tensor_counts: list[int]) -> None:
    for signature in model.tables(7):
        signature.text(2)
        subgraph = signature.uint32(4)
        if subgraph >= len(tensor_counts):
            broken("is damaged: a signature's graph does not exist")
        for field in (0, 1):
            for entry in signature.tables(field):
                entry.text(0)
                if entry.uint32(1) >= tensor_counts[subgraph]:
                    broken("is damaged: a signature names a tensor that does not exist")


def _min_runtime_version(content: bytes, model: Table, buffers: list[tuple[int, int]]) -> str:
    found = ""
    for metadata in model.tables(6):
        buffer = metadata.uint32(1)
        if buffer >= len(buffers):
            broken("is damaged: metadata names a buffer that does not exist")
        if metadata.text(0) == "min_runtime_version":
            start, size = buffers[buffer]
            found = content[start : start + min(size, 40)].split(b"\0")[0].decode("ascii", "replace")
    return found
