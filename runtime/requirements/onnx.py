"""Reads from an .onnx file what it needs: IR version, opsets, ops by domain, data in other files."""

from runtime.namedtuples import FastNamedTuple
from runtime.requirements.flatbuffer import broken
from runtime.requirements.protobuf import Message

_MOST_NESTED = 20  # graphs inside the attributes of nodes: a loop in a condition in a loop …
_INT8 = 3  # TensorProto.DataType
_MICROSOFT = "com.microsoft"

# These ops find the scale of their activations while they run: one scale for all rows of a call.
_DYNAMIC = {
    ("", "DynamicQuantizeLinear"),
    (_MICROSOFT, "DynamicQuantizeMatMul"),
    (_MICROSOFT, "DynamicQuantizeLSTM"),
}
# Ops that multiply integers, with weights as their second input: which input is the zero point of the weights.
_WEIGHTS_ZERO_POINT = {
    ("", "MatMulInteger"): 3,
    (_MICROSOFT, "DynamicQuantizeMatMul"): 3,
    (_MICROSOFT, "MatMulIntegerToFloat"): 5,
}


class OnnxFacts(FastNamedTuple):
    """What one .onnx file is known to need.

    Attributes:
        ir_version: the version of the file format.
        opsets: the highest opset by domain; "" is ONNX's own domain.
        ops: pairs of domain and type of every op, those in nested graphs and functions included.
        functions: pairs of domain and name of the ops that the file defines itself.
        external: whether the file wants to read other files.
        dynamic: whether an op finds one scale for all rows of a call.
        without_zero_point: types of the ops whose int8 weights have no zero point.
    """

    ir_version: int
    opsets: dict[str, int]
    ops: frozenset[tuple[str, str]]
    functions: frozenset[tuple[str, str]]
    external: bool
    dynamic: bool
    without_zero_point: frozenset[str]


class _Found:
    """What the graphs hold, gathered while they are walked."""

    def __init__(self) -> None:
        self.ops: set[tuple[str, str]] = set()
        self.external = False
        self.int8_constants: set[str] = set()
        self.without_zero_point: list[tuple[str, str]] = []  # the op's type and the name of its weights


def read_onnx(content: bytes) -> OnnxFacts:
    """Reads what a file needs.

    Raises:
        BundleError: the bytes are not a sound .onnx file.
    """
    found, graphs = _Found(), 0
    ir_version = 0
    opsets: dict[str, int] = {}
    functions: set[tuple[str, str]] = set()
    for number, value in Message(content).fields():
        if number == 1 and isinstance(value, int):
            ir_version = value
        elif number == 8 and isinstance(value, Message):
            domain, version = _opset(value)
            opsets[domain] = max(version, opsets.get(domain, 0))
        elif number == 7 and isinstance(value, Message):
            graphs += 1
            _graph(value, found, 0)
        elif number == 25 and isinstance(value, Message):
            functions.add(_function(value, found))
    if not graphs or not ir_version or not opsets:
        broken("is truncated or damaged: an .onnx file has a version, an opset and a graph")
    return OnnxFacts(
        ir_version,
        opsets,
        frozenset(found.ops),
        frozenset(functions),
        found.external,
        not found.ops.isdisjoint(_DYNAMIC),
        frozenset(op for op, weights in found.without_zero_point if weights in found.int8_constants),
    )


def _opset(message: Message) -> tuple[str, int]:
    domain, version = "", 0
    for number, value in message.fields():
        if number == 1 and isinstance(value, Message):
            domain = _domain(value)
        elif number == 2 and isinstance(value, int):
            version = value
    return domain, version


def _domain(message: Message) -> str:
    name = message.text()
    return "" if name == "ai.onnx" else name  # two names of one domain


def _graph(message: Message, found: _Found, depth: int) -> None:
    if depth > _MOST_NESTED:
        broken(f"has graphs inside of graphs, more than {_MOST_NESTED} deep")
    for number, value in message.fields():
        if isinstance(value, Message):
            if number == 1:
                _node(value, found, depth)
            elif number == 5:
                _tensor(value, found)
            elif number == 15:
                _sparse_tensor(value, found)


def _node(message: Message, found: _Found, depth: int) -> None:
    op, domain = "", ""
    inputs: list[Message] = []
    for number, value in message.fields():
        if isinstance(value, Message):
            if number == 1:
                inputs.append(value)
            elif number == 4:
                op = value.text()
            elif number == 7:
                domain = _domain(value)
            elif number == 5:
                _attribute(value, found, depth)
    found.ops.add((domain, op))
    place = _WEIGHTS_ZERO_POINT.get((domain, op))
    if place and len(inputs) > 1 and (len(inputs) <= place or not inputs[place].text()):
        found.without_zero_point.append((op, inputs[1].text()))


def _attribute(message: Message, found: _Found, depth: int) -> None:
    for number, value in message.fields():
        if isinstance(value, Message):
            if number in (6, 11):
                _graph(value, found, depth + 1)
            elif number in (5, 10):
                _tensor(value, found)
            elif number in (22, 23):
                _sparse_tensor(value, found)


def _tensor(message: Message, found: _Found) -> None:
    name, dtype = None, 0
    for number, value in message.fields():
        if number == 13 or (number == 14 and value == 1):
            found.external = True
        elif number == 2 and isinstance(value, int):
            dtype = value
        elif number == 8 and isinstance(value, Message):
            name = value
    if name and dtype == _INT8:
        found.int8_constants.add(name.text())


def _sparse_tensor(message: Message, found: _Found) -> None:
    for number, value in message.fields():
        if number in (1, 2) and isinstance(value, Message):
            _tensor(value, found)


def _function(message: Message, found: _Found) -> tuple[str, str]:
    name, domain = "", ""
    for number, value in message.fields():
        if isinstance(value, Message):
            if number == 1:
                name = value.text()
            elif number == 10:
                domain = _domain(value)
            elif number == 7:
                _node(value, found, 0)
    return domain, name
