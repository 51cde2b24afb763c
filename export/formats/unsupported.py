"""Refuses layers and operations that a format cannot express even with rewrites, by the user's names for them.

Keras does not document how to list inner layers.  Read in keras 3.12 and 3.15.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from runtime.errors import ConversionError

_BOTH = ("tflite", "onnx")


@dataclass(frozen=True)
class Rule:
    """Classes of layers, or of operations of `keras.ops`, that a format cannot express where `applies` says so."""

    classes: tuple[str, ...]
    reason: str
    remedy: str
    formats: tuple[str, ...] = _BOTH
    applies: Callable[[Any], bool] = lambda part: True


_STRINGS = "move it out of the model: look the strings up before, and give the model numbers"
_FOREIGN = "build the model from layers of Keras"
RULES = (
    Rule(
        ("StringLookup",),
        "takes or gives strings (the op LookupTableFindV2), which the engines of a device do not have",
        _STRINGS,
    ),
    Rule(
        ("TextVectorization",),
        "splits strings (the op StringSplitV2), which the engines of a device do not have",
        _STRINGS,
    ),
    Rule(
        ("Hashing", "HashedCrossing"),
        "hashes strings (the ops AsString, StringToHashBucketFast and SparseCross), also those of numbers",
        "use IntegerLookup, or hash before the model",
    ),
    Rule(
        ("IntegerLookup",),
        "hashes what is not in its vocabulary as strings (the op StringToHashBucketFast)",
        "use oov_method='floormod'",
        applies=lambda layer: (
            layer.num_oov_indices > 1 and getattr(layer, "oov_method", "floormod") == "farmhash"
        ),
    ),
    Rule(
        ("IntegerLookup",),
        "stops with an error at a value that is not in its vocabulary (the op Assert), which no engine can",
        "use num_oov_indices=1",
        applies=lambda layer: layer.num_oov_indices == 0 and not layer.invert,
    ),
    Rule(
        ("CategoryEncoding", "Discretization", "IntegerLookup"),
        "gives a sparse tensor",
        "use sparse=False",
        applies=lambda layer: bool(layer.sparse),
    ),
    Rule(
        ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"),
        "keeps its state between calls (stateful=True): an ONNX file would freeze it at its first value (the op "
        "AssignVariableOp), and no file that answers the same input otherwise each time can be verified",
        "build it with stateful=False, and give its states to the model as inputs and take them as outputs "
        "(initial_state, return_state=True)",
        applies=lambda layer: bool(layer.stateful),
    ),
    Rule(
        ("InputLayer",),
        "takes uint64, which TFLite cannot turn into other numbers (the op Cast)",
        "let the model take int64, whose numbers go up to 2⁶³ - 1",
        formats=("tflite",),
        applies=lambda layer: bool(layer.dtype == "uint64"),
    ),
    Rule(("JaxLayer", "FlaxLayer"), "runs code of JAX", _FOREIGN),
    Rule(("TorchModuleWrapper",), "runs code of PyTorch", _FOREIGN),
    Rule(("TFSMLayer",), "runs another SavedModel, whose code is not ours to trust", _FOREIGN),
    Rule(
        ("FFT", "FFT2", "IFFT2", "IRFFT", "ISTFT", "Angle"),
        "computes with complex numbers (the ops FFT, FFT2D, IFFT2D, IRFFT and Angle), which neither format has of its "
        "own",
        "compute the real and the imaginary part by multiplications with cosines and sines",
    ),
)
_QUANTIZED = (
    "was quantized by Keras ({mode}), and its weights are not those of the float model any more; export the model "
    "as it was before model.quantize(): edgeproof quantizes it itself"
)


_NAMES = {"tflite": "TFLite", "onnx": "ONNX"}


def check(model: Any, format: str) -> None:
    """ConversionError, with the first of the refusals and the number of the others, where there is any."""
    found = refusals(model, format)
    if found:
        more = f" (and {len(found) - 1} more such layers)" if len(found) > 1 else ""
        raise ConversionError(f"{_NAMES[format]} cannot run the model: {found[0]}{more}")


def refusals(model: Any, format: str) -> list[str]:
    """Why a Keras model has no form in a format ("tflite" or "onnx"): one sentence a layer; empty where it has one.

    Of a layer in a layer, as the table inside a TextVectorization, the outer one is named, which the user knows.
    """
    found = []
    told: set[int] = set()
    for part in _parts(model):
        reason = _reason(part, format)
        if reason and id(part) not in told:
            found.append(f"the layer {part.name!r} ({type(part).__name__}) {reason}")
            told |= {id(part), *(id(inner) for inner in inner_layers(part))}
    return found


def _reason(part: Any, format: str) -> str | None:
    mode = getattr(part, "quantization_mode", None)
    if mode is not None:
        return _QUANTIZED.format(mode=mode)
    for rule in RULES:
        if type(part).__name__ in rule.classes and format in rule.formats and rule.applies(part):
            return f"{rule.reason}; {rule.remedy}"
    return None


def _parts(model: Any) -> Iterator[Any]:
    """Every layer, outer ones first, and every operation of a functional model."""
    layers = inner_layers(model)
    yield from layers
    for graph in (model, *layers):
        yield from getattr(graph, "operations", ())


def inner_layers(part: Any) -> list[Any]:
    """All layers inside a Keras model or layer, outer ones first; none where it is an operation."""
    flatten = getattr(part, "_flatten_layers", None)
    return [] if flatten is None else list(flatten(include_self=False))
