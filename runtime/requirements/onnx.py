"""Reads what an .onnx file needs: IR version, opsets, ops by domain, data that lies outside of the file."""

from typing import NamedTuple

from runtime.requirements.flatbuffer import broken
from runtime.requirements.protobuf import Message

_DEEPEST = 20  # graphs inside the attributes of nodes: a loop in a condition in a loop …


class OnnxFile(NamedTuple):
    """What an .onnx file needs: `opsets` by domain ("" is ONNX's own), `ops` as pairs of domain and type.

    `functions` are the ops that the file itself defines, `external` says that it wants to read other files.
    """

    ir_version: int
    opsets: dict[str, int]
    ops: frozenset[tuple[str, str]]
    functions: frozenset[tuple[str, str]]
    external: bool


class _Found:
    """What the graphs hold, gathered while they are walked."""

    def __init__(self) -> None:
        self.ops: set[tuple[str, str]] = set()
        self.external = False


def read_onnx(content: bytes) -> OnnxFile:
    """What the file needs; BundleError where it is not a sound .onnx file."""
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
    return OnnxFile(ir_version, opsets, frozenset(found.ops), frozenset(functions), found.external)


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
    if depth > _DEEPEST:
        broken(f"has graphs inside of graphs, more than {_DEEPEST} deep")
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
    for number, value in message.fields():
        if isinstance(value, Message):
            if number == 4:
                op = value.text()
            elif number == 7:
                domain = _domain(value)
            elif number == 5:
                _attribute(value, found, depth)
    found.ops.add((domain, op))


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
    for number, value in message.fields():
        if number == 13 or (number == 14 and value == 1):
            found.external = True


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
