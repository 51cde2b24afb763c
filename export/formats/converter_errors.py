"""Turns the converters' errors into one sentence for the model's author: the op, its place, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runtime.errors import ConversionError

_REMEDY = "build the model from other layers, or compute this before or behind the model"
# A pattern in the message of TensorFlow's converter, and the sentence that explains it.
_TFLITE = (
    (
        r"element_shape to be static|TensorList",
        "it keeps a list of tensors of unknown shapes, as recurrent layers in a SavedModel do; give the .keras or .h5 "
        "file that it was made from, or fix the sizes with --shape",
    ),
    (
        r"resource|VarHandleOp|ReadVariableOp|hash_table",
        f"it changes or looks up a resource at each call; {_REMEDY}",
    ),
    (r"complex", f"it computes with complex numbers, which TFLite has no ops for; {_REMEDY}"),
    (r"string", f"it works on strings, which the engines of a device do not have; {_REMEDY}"),
)


def from_tflite(error: Exception) -> ConversionError:
    """The error of TensorFlow's converter in a sentence."""
    text = str(error)
    missing = dict.fromkeys(re.findall(r"'tf\.(\w+)' op is neither a custom op nor a flex op", text))
    if missing:
        places = _scopes(re.findall(r'loc\(callsite\(fused\["\w+:", "([^"@]+)@', text), missing)
        return ConversionError(
            f"TFLite has no op for {', '.join(missing)}{places}, and an engine on a device has no Flex ops; {_REMEDY}"
        )
    for pattern, meaning in _TFLITE:
        if re.search(pattern, text):
            return ConversionError(f"TensorFlow's converter cannot write the model to TFLite: {meaning}")
    return ConversionError(
        f"TensorFlow's converter cannot write the model to TFLite: {_short(text)}; {_REMEDY}"
    )


def from_tf2onnx(error: Exception) -> ConversionError:
    """The error of tf2onnx, or of a step behind it, in a sentence."""
    return ConversionError(f"tf2onnx cannot write the model to ONNX: {_short(str(error))}; {_REMEDY}")


def no_onnx_ops(ops: Iterable[tuple[str, str]]) -> ConversionError:
    """The refusal of ops of TensorFlow that tf2onnx leaves as they are; of each, the op and its name in the graph."""
    found = dict(ops)
    places = _scopes(list(found.values()), found)
    return ConversionError(f"ONNX has no op for {', '.join(found)}{places}; {_REMEDY}")


def _scopes(names: list[str], ops: Iterable[str]) -> str:
    """Where the ops are: the scopes of their names, which hold the names of layers; empty where they hold none."""
    wanted = tuple(ops)
    found = dict.fromkeys(
        name.rpartition("/")[0]
        for name in names
        if "/" in name and name.rpartition("/")[2].startswith(wanted)
    )
    scopes = [scope for scope in found if scope and "StatefulPartitionedCall" not in scope]
    return f" (in {', '.join(scopes[:3])})" if scopes else ""


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
