"""What no rewrite helps: layers and operations that a format cannot express, refused by the user's names for them."""

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
        "takes or gives strings, which the engines of a device do not have",
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
        "keeps its state between calls (stateful=True), which an ONNX file would freeze at its first value",
        "build it with stateful=False, and give its states to the model as inputs and take them as outputs "
        "(initial_state, return_state=True)",
        formats=("onnx",),
        applies=lambda layer: bool(layer.stateful),
    ),
    Rule(("JaxLayer", "FlaxLayer"), "runs code of JAX", _FOREIGN),
    Rule(("TorchModuleWrapper",), "runs code of PyTorch", _FOREIGN),
    Rule(("TFSMLayer",), "runs another SavedModel, whose code is not ours to trust", _FOREIGN),
    Rule(
        ("FFT", "FFT2", "IFFT2", "IRFFT", "ISTFT", "Angle"),
        "computes with complex numbers, which neither format has in ops of its own",
        "compute the real and the imaginary part by multiplications with cosines and sines",
    ),
)
_QUANTIZED = (
    "was quantized by Keras ({mode}), and its weights are not those of the float model any more; export the model "
    "as it was before model.quantize(): edgeproof quantizes it itself"
)


def refusals(model: Any, format: str) -> list[str]:
    """Why a Keras model has no form in a format ("tflite" or "onnx"): one sentence a layer; empty where it has one."""
    return [
        f"the layer {name!r} ({kind}) {text}" if kind else f"the layer {name!r} {text}"
        for name, kind, text in _found(model, format)
    ]


def check(model: Any, format: str) -> None:
    """ConversionError, with the first of the refusals and the number of the others, where there is any."""
    found = refusals(model, format)
    if found:
        more = f" (and {len(found) - 1} more such layers)" if len(found) > 1 else ""
        raise ConversionError(f"{_NAMES[format]} cannot run the model: {found[0]}{more}")


_NAMES = {"tflite": "TFLite", "onnx": "ONNX"}


def _found(model: Any, format: str) -> Iterator[tuple[str, str, str]]:
    """Name, class and sentence of each part that a rule is about, in the order of the model."""
    for part in _parts(model):
        kind = type(part).__name__
        mode = getattr(part, "quantization_mode", None)
        if mode is not None:
            yield part.name, kind, _QUANTIZED.format(mode=mode)
        for rule in RULES:
            if kind in rule.classes and format in rule.formats and rule.applies(part):
                yield part.name, kind, f"{rule.reason}; {rule.remedy}"


def _parts(model: Any) -> Iterator[Any]:
    """Every layer, inner ones too, and every operation of a functional model, each once."""
    seen: set[int] = set()
    layers = list(model._flatten_layers(include_self=False))
    graphs = [part for part in (model, *layers) if hasattr(part, "operations")]
    for part in (*layers, *(operation for graph in graphs for operation in graph.operations)):
        if id(part) not in seen:
            seen.add(id(part))
            yield part
