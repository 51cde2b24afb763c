"""Mixed `.tflite` files: groups of layers in a higher scheme than int8, and what LiteRT makes of them.

LiteRT's plan of what it executes is read by a method of the interpreter that is not documented. Read in
ai-edge-litert 2.3.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.formats.format import Higher
from export.formats.tflite_nodes import WEIGHTED
from export.formats.tflite_quantizer import Quantizer
from export.quantization.nodes import Node
from runtime.errors import ConversionError

CASTABLE = (
    "FULLY_CONNECTED",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "TRANSPOSE_CONV",
)  # to float16, by the quantizer
_DYNAMIC = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D")
SMALL_WEIGHTS = 1024  # quantizing a smaller layer saves less than its scales and the engine's extra work cost


def keep_higher(job: Quantizer, every: Sequence[Node], higher: Mapping[str, Higher]) -> None:
    """Keeps nodes in the schemes that `higher` gives them; those of fewer than `SMALL_WEIGHTS` in float32.

    Weights of 16 or 8 bits are there for ops that the quantizer can store so; the others stay in float32.
    """
    for node in every:
        scheme = higher.get(node.key)
        if scheme is None:
            continue
        if scheme == "float16" and node.op in CASTABLE and node.weights >= SMALL_WEIGHTS:
            job.float16(node.op, [node.key])
        elif scheme == "dynamic" and node.op in _DYNAMIC and node.weights >= SMALL_WEIGHTS:
            # Per channel, a dense layer would need a version of its op that tflite-runtime does not have.
            job.dynamic(node.op, node.op == "FULLY_CONNECTED", SMALL_WEIGHTS, [node.key])
        else:
            job.keep([node.key])


def check_executed(path: Path, claimed: Collection[str], left: Collection[str]) -> None:
    """What LiteRT executes is what is claimed: these ops compute in float32, and all others with weights in int8.

    Args:
        path: the file.
        claimed: the names of the tensors that ops of the groups in a higher scheme make.
        left: the names of those that any int8 file of the model leaves in float32.

    Raises:
        ConversionError: LiteRT computes one of them otherwise.
    """
    kinds = {}
    for op in _plan(path):
        if op["op_name"] in WEIGHTED:
            kinds[op["made"]] = op["kinds"]
    wrong = sorted(name for name in claimed if kinds.get(name) != {np.float32})
    wrong += sorted(
        name for name, found in kinds.items() if found != {np.int8} and name not in {*claimed, *left}
    )
    if wrong:
        raise ConversionError(
            f"{path.name} is not what it claims: LiteRT computes {', '.join(wrong)} in another scheme"
        )


def _plan(path: Path) -> list[dict[str, Any]]:
    """The ops that LiteRT executes: the name of each, of what it makes, and the types of its activations."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    tensors = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    found = []
    for op in interpreter._get_ops_details():
        made = tensors.get(int(op["outputs"][0]))
        if made is None:  # what a delegate makes for itself
            continue
        place = 2 if op["op_name"] in ("TRANSPOSE_CONV", "CONV_3D_TRANSPOSE") else 0
        taken = tensors.get(int(op["inputs"][place]), made)
        kinds = {made["dtype"]} if op["op_name"] == "GATHER" else {made["dtype"], taken["dtype"]}
        found.append({"op_name": op["op_name"], "made": made["name"], "kinds": kinds})
    return found
