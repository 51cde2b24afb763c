"""What a `.tflite` file holds, read by LiteRT's own classes of TFLite's schema.

The module `ai_edge_litert.schema_py_generated` is generated from the schema and not documented. Read in
ai-edge-litert 2.3.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from runtime.bundle.manifest import TensorSpec


class Operator(NamedTuple):
    """One operator: its name (custom ops: `CUSTOM:<code>`), inputs, outputs, and the numbers of the graphs it runs.

    Tensors are the schema's objects, with `name` (bytes), `type`, `shape`, `quantization` and `buffer`. `activation` is
    the one that the operator computes itself behind its own work, as the schema calls it. `settings` are its options.
    """

    name: str
    inputs: list[Any]
    outputs: list[Any]
    bodies: tuple[int, ...] = ()
    activation: str = "NONE"
    settings: Mapping[str, Any] = {}


class Graph(NamedTuple):
    """One graph: its operators in the order in which they run, its inputs and outputs, the names of its constants.

    `scalars` has the values of its float32 constants of one element.
    """

    operators: list[Operator]
    inputs: list[Any]
    outputs: list[Any]
    constants: frozenset[str]
    scalars: Mapping[str, float] = {}


def schema_of_files() -> Any:
    """LiteRT's classes of TFLite's schema."""
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def load(content: bytes) -> Any:
    """The schema's object of a whole file, with all its buffers in it.

    Large files keep those behind the graph.
    """
    model = schema_of_files().ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(content[buffer.offset : buffer.offset + buffer.size], np.uint8)
            buffer.offset = buffer.size = 0
    return model


def pack(model: Any) -> bytes:
    """The file of the schema's object."""
    from ai_edge_litert.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def operators(path: Path) -> Iterator[Operator]:
    """Each operator of a `.tflite` file, in the order of its graphs."""
    for graph in graphs(path):
        yield from graph.operators


def graphs(path: Path) -> list[Graph]:
    """The graphs of a `.tflite` file: first the main one, then the conditions and bodies of loops."""
    model = load(path.read_bytes())
    activations = {number: name for name, number in vars(schema_of_files().ActivationFunctionType).items()}

    def operator(op: Any, tensors: list[Any]) -> Operator:
        code = model.operatorCodes[op.opcodeIndex]
        name = builtin_name(code)
        if name == "CUSTOM":
            name = f"CUSTOM:{(code.customCode or b'?').decode()}"
        options = vars(op.builtinOptions) if op.builtinOptions is not None else {}
        return Operator(
            name,
            [tensors[index] for index in op.inputs if index >= 0],
            [tensors[index] for index in op.outputs],
            tuple(value for key, value in options.items() if key.endswith("SubgraphIndex")),
            activations[options.get("fusedActivationFunction", 0)],
            options,
        )

    return [
        Graph(
            [operator(op, graph.tensors) for op in graph.operators or ()],
            [graph.tensors[index] for index in graph.inputs],
            [graph.tensors[index] for index in graph.outputs],
            frozenset(
                name_of(tensor) for tensor in graph.tensors if model.buffers[tensor.buffer].data is not None
            ),
            {
                name_of(tensor): float(np.frombuffer(stored_bytes(model, tensor), np.float32)[0])
                for tensor in graph.tensors
                if model.buffers[tensor.buffer].data is not None
                and type_name(tensor) == "FLOAT32"
                and count(tensor) == 1
            },
        )
        for graph in model.subgraphs
    ]


def constants(path: Path, names: Collection[str]) -> dict[str, np.ndarray]:
    """The values of the named float32 constants."""
    found = {}
    model = load(path.read_bytes())
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if name_of(tensor) in names:
                found[name_of(tensor)] = np.frombuffer(stored_bytes(model, tensor), np.float32)
    return found


def stored_bytes(model: Any, tensor: Any) -> bytes:
    """The bytes of one constant."""
    return np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes()


def builtin_number(code: Any) -> int:
    """The number of an operation; in files of before it had 32 bits, it stands in another place."""
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def builtin_name(code: Any) -> str:
    """The name of an operation, such as "CONV_2D"; one that the schema does not know has its number."""
    number = builtin_number(code)
    return _builtin_names().get(number, f"BUILTIN:{number}")


@cache
def _builtin_names() -> dict[int, str]:
    known = vars(schema_of_files().BuiltinOperator)
    return {number: name for name, number in known.items() if isinstance(number, int)}


def name_of(tensor: Any) -> str:
    """The name of one tensor."""
    name: str = tensor.name.decode()
    return name


def count(tensor: Any) -> int:
    """How many elements a constant has."""
    return math.prod(int(size) for size in tensor.shape) if tensor.shape is not None else 1


def signature(path: Path, name: str) -> tuple[dict[str, TensorSpec], dict[str, TensorSpec]] | None:
    """The inputs and the outputs of one signature of a `.tflite` file by name; None where it has no such signature.

    A size that is open is None, as that of the batch is.
    """
    model = load(path.read_bytes())
    for entry in model.signatureDefs or ():
        if entry.signatureKey.decode() == name:
            tensors = model.subgraphs[entry.subgraphIndex].tensors
            inputs, outputs = (
                {end.name.decode(): _spec(tensors[end.tensorIndex]) for end in ends or ()}
                for ends in (entry.inputs, entry.outputs)
            )
            return inputs, outputs
    return None


def _spec(tensor: Any) -> TensorSpec:
    shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    shape = () if shape is None else shape
    return TensorSpec(type_name(tensor).lower(), tuple(None if size < 0 else int(size) for size in shape))


def type_name(tensor: Any) -> str:
    """The type of one tensor as the schema calls it, such as FLOAT32."""
    names: dict[int, str] = {
        code: name for name, code in vars(schema_of_files().TensorType).items() if isinstance(code, int)
    }
    return names[tensor.type]


# Of a larger file, what is written shorter is less than a hundredth.
_MOST_BYTES_SHORTENED = 1 << 24


def shortened(content: bytes) -> bytes:
    """The same file with each vector of numbers written once, however many tables refer to it, and constants numbered.

    The quantizer writes a zero point of eight bytes for each channel of the weights, and again for each of the bias: of
    a network of narrow layers, a sixth of the file is zeros.  A constant has the names of all layers that it was made
    of, which the op that takes it has too. To a reader the file is the same. What comes later must not change a vector
    where it lies.
    """
    if len(content) > _MOST_BYTES_SHORTENED:
        return content
    model = load(content)
    for graph in model.subgraphs:
        _number_constants(model, graph)
    builder = _sharing_builder(len(content))
    builder.Finish(model.Pack(builder), _FILE_IDENTIFIER)
    return bytes(builder.Output())


def _number_constants(model: Any, graph: Any) -> None:
    stored = [model.buffers[tensor.buffer].data is not None for tensor in graph.tensors]
    used = {tensor.name for tensor, constant in zip(graph.tensors, stored, strict=True) if not constant}
    unused = (name for name in (str(number).encode() for number in itertools.count()) if name not in used)
    for tensor, constant in zip(graph.tensors, stored, strict=True):
        if constant:
            tensor.name = next(unused)


_FILE_IDENTIFIER = b"TFL3"


def _sharing_builder(size: int) -> Any:
    """A builder of flatbuffers that gives for a vector equal to an earlier one the place of that."""
    import flatbuffers

    class Sharing(flatbuffers.Builder):  # type: ignore[misc]  # the package has no types
        def __init__(self) -> None:
            super().__init__(size)
            self._places: dict[tuple[str, bytes], int] = {}

        def CreateNumpyVector(self, x: np.ndarray) -> int:
            key = (x.dtype.str, x.tobytes())
            if key not in self._places:
                self._places[key] = super().CreateNumpyVector(x)
            return self._places[key]

    return Sharing()
