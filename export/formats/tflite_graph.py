"""What a `.tflite` file holds, read by LiteRT's own classes of TFLite's schema.

The module `ai_edge_litert.schema_py_generated` is generated from the schema and not documented. Read in
ai-edge-litert 2.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from runtime.bundle.manifest import TensorSpec


class Operator(NamedTuple):
    """One operator: its name (custom ops: `CUSTOM:<code>`), inputs, outputs.

    Tensors are the schema's objects, with `name` (bytes), `type`, `shape`, `quantization` and `buffer`.
    """

    name: str
    inputs: list[Any]
    outputs: list[Any]


def operators(path: Path) -> Iterator[Operator]:
    """Each operator of a `.tflite` file, in the order of its graphs."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    for graph in model.subgraphs:
        for op in graph.operators:
            code = model.operatorCodes[op.opcodeIndex]
            builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
            name = names.get(builtin, f"BUILTIN:{builtin}")
            if name == "CUSTOM":
                name = f"CUSTOM:{(code.customCode or b'?').decode()}"
            yield Operator(
                name,
                [graph.tensors[index] for index in op.inputs if index >= 0],
                [graph.tensors[index] for index in op.outputs],
            )


def signature(path: Path, name: str) -> tuple[dict[str, TensorSpec], dict[str, TensorSpec]] | None:
    """The inputs and the outputs of one signature of a `.tflite` file by name; None where it has no such signature.

    A size that is open is None, as that of the batch is.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0)
    for entry in model.signatureDefs or ():
        if entry.signatureKey.decode() == name:
            tensors = model.subgraphs[entry.subgraphIndex].tensors
            inputs, outputs = (
                {end.name.decode(): _spec(tensors[end.tensorIndex]) for end in ends}
                for ends in (entry.inputs, entry.outputs)
            )
            return inputs, outputs
    return None


def _spec(tensor: Any) -> TensorSpec:
    shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    return TensorSpec(type_name(tensor).lower(), tuple(None if size < 0 else int(size) for size in shape))


def type_name(tensor: Any) -> str:
    """The type of one tensor as the schema calls it, such as FLOAT32."""
    from ai_edge_litert import schema_py_generated as schema

    names: dict[int, str] = {
        code: name for name, code in vars(schema.TensorType).items() if isinstance(code, int)
    }
    return names[tensor.type]
