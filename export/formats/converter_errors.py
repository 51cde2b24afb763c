"""Turns the converters' errors into one sentence for the model's author: the op, its layer, and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from export.formats.layer_names import layer_of
from export.formats.tf2onnx import NotConverted
from runtime.errors import ConversionError

_LISTED = "docs/layers.md lists what {format} has"
_REMEDY = (
    f"replace the layer by layers of Keras that it has ({_LISTED}), or end the model before it and compute the rest "
    "behind the file"
)
_OTHER_REMEDY = f"build the model from layers of Keras that it has ({_LISTED})"
_NAMES = {
    "ui8": "uint8",
    "ui16": "uint16",
    "ui32": "uint32",
    "ui64": "uint64",
    "i8": "int8",
    "i16": "int16",
    "f64": "float64",
}
_CAST = "let it compute in int32 or float32: cast what it takes before it (keras.ops.cast)"
# A pattern in the message of TensorFlow's converter, the sentence that explains it, and the remedy.
_TFLITE = (
    (
        r"element_shape to be static|TensorList",
        "it keeps a list of tensors of unknown shapes (the op TensorListReserve), as recurrent layers in a SavedModel "
        "do",
        "give the .keras or .h5 file that it was made from, or fix the sizes with --shape",
    ),
    (
        r"resource|VarHandleOp|ReadVariableOp|hash_table",
        "it changes or looks up a resource at each call (the op {op})",
        "give states to the model as inputs and take them as outputs; look up keys before the model",
    ),
    (
        r"complex",
        "it computes with complex numbers (the op {op}), which TFLite has no ops for",
        "compute the real and the imaginary part by multiplications with cosines and sines",
    ),
    (
        r"string",
        "it works on strings (the op {op}), which the engines of a device do not have",
        "look the strings up before the model, and give it numbers",
    ),
)


def from_tflite(error: Exception, saved_model: Path) -> ConversionError:
    """The error of TensorFlow's converter in a sentence."""
    text = str(error)
    where = partial(layer_of, saved_model=saved_model)
    missing = dict.fromkeys(re.findall(r"'tf\.(\w+)' op is neither a custom op nor a flex op", text))
    places = dict(re.findall(r'loc\((?:callsite\()?(?:fused\[)?(?:"(\w+):", )?"([^"@]+)@', text))
    if missing:
        named = {_of_dtype(op, text): places.get(op, "") for op in missing}
        other = len(named) == len([op for op in named if " of " in op])
        return _missing(
            "TFLite", named, where, ", and an engine on a device has no Flex ops", _CAST if other else None
        )
    failed = next(iter(places), "") or next(iter(re.findall(r"'?tf\.(\w+)'? op", text)), "")
    layer = where(places[failed]) if failed in places else None
    for pattern, meaning, remedy in _TFLITE:
        if re.search(pattern, text):
            what = meaning.format(op=failed or "of it is not known")
            return ConversionError(
                f"TensorFlow's converter cannot write {_subject(layer)} to TFLite: {what}; {remedy}"
            )
    return ConversionError(
        f"TensorFlow's converter cannot write {_subject(layer)} to TFLite: {_short(text)}; "
        f"{_remedy('TFLite', layer)}"
    )


def from_tf2onnx(error: Exception, saved_model: Path) -> ConversionError:
    """The error of tf2onnx, or of a step behind it, in a sentence."""
    if isinstance(error, NotConverted):
        layer = layer_of(error.name, saved_model)
        return ConversionError(
            f"tf2onnx cannot write {_subject(layer)} to ONNX: its op {error.op}: {_short(str(error))}; "
            f"{_remedy('ONNX', layer)}"
        )
    return ConversionError(
        f"tf2onnx cannot write the model to ONNX: {_short(str(error))}; {_remedy('ONNX', None)}"
    )


def no_onnx_ops(ops: Iterable[tuple[str, str]], saved_model: Path) -> ConversionError:
    """The refusal of ops of TensorFlow that tf2onnx leaves as they are; of each, the op and its name in the graph."""
    return _missing("ONNX", dict(ops), partial(layer_of, saved_model=saved_model))


def _missing(
    format_: str,
    ops: dict[str, str],
    where: Callable[[str], str | None],
    why: str = "",
    remedy: str | None = None,
) -> ConversionError:
    """The refusal of ops that a format does not have; of each, its name in the graph."""
    layers = {op: where(name) for op, name in ops.items()}
    named = [f"{op} (in the layer {layer})" if layer else op for op, layer in layers.items()]
    known = next((layer for layer in layers.values() if layer), None)
    return ConversionError(
        f"{format_} has no op for {', '.join(named)}{why}; {remedy or _remedy(format_, known)}"
    )


def _of_dtype(op: str, text: str) -> str:
    """An op that TFLite has for other dtypes, with the one it is wanted for, such as "Maximum of uint8"."""
    taken = re.search(rf'"tf\.{op}"\([^)]*\)[^:]*: \(([^)]*)\)', text)
    found = re.findall(r"(u?i\d+|f64)>", taken[1]) if taken else []
    kinds = [_NAMES[kind] for kind in found if kind in _NAMES]
    return f"{op} of {kinds[0]}" if kinds else op


def _subject(layer: str | None) -> str:
    return f"the layer {layer}" if layer else "the model"


def _remedy(format_: str, layer: str | None) -> str:
    return (_REMEDY if layer else _OTHER_REMEDY).format(format=format_)


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
