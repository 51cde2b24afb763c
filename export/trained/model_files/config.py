"""What is read off, refused and replaced in a Keras model's configuration, before Keras builds anything from it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from runtime.errors import ModelError

Config = dict[str, Any]
REDUCED = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
_POLICIES = ("DTypePolicy", "FloatDTypePolicy", "Policy", "PolicyV1")
_QUANTIZED_POLICIES = ("QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy")
MODELS = ("Functional", "Model", "Sequential")
# Modules whose classes and functions are Keras' own; nothing is ever imported from another one.
_OWN = ("keras", "tf_keras", "builtins", "tensorflow.keras", "tensorflow.python.keras")


def entries(config: Any) -> Iterator[Config]:
    """Every serialized object in a configuration, the outer ones first: dicts with `class_name` and `config`."""
    if isinstance(config, dict):
        if "class_name" in config and "config" in config:
            yield config
        for value in config.values():
            yield from entries(value)
    elif isinstance(config, list):
        for value in config:
            yield from entries(value)


def name_of(entry: Config) -> str:
    """The name the user knows an object by: the layer's, or the class's for what has no name."""
    inner = entry["config"] if isinstance(entry["config"], dict) else {}
    return str(entry.get("name") or inner.get("name") or entry["class_name"])


def refuse_foreign_code(config: Config, file: str, known: Collection[str]) -> None:
    """Refuses a layer whose code is not in Keras and was not given by the user.

    Raises:
        ModelError: it names the layer, and the option that brings its code.
    """
    for entry in entries(config):
        kind = str(entry["class_name"])
        if kind == "Lambda":
            _refuse_lambda(entry, file, known)
        elif kind == "__lambda__":
            raise ModelError(
                f"{file} holds a Python lambda outside of a Lambda layer, and no code out of a file is ever run; "
                "replace it by a named function, save the model again, and add --custom-objects MODULE:NAME"
            )
        elif _is_foreign(entry) and not names_of_class(entry) & set(known):
            raise _unknown(entry, file)


def _is_foreign(entry: Config) -> bool:
    if entry["class_name"] == "function" and not isinstance(entry["config"], str):
        return True
    if str(entry["class_name"]).startswith("__"):
        return False  # tensors, slices and the like
    module = entry.get("module", "keras")
    return module is None or not any(module == own or module.startswith(f"{own}.") for own in _OWN)


def names_of_class(entry: Config) -> set[str]:
    """The names under which the code of an object can be given: its class or function, with and without package."""
    names = {str(entry.get("registered_name") or ""), str(entry["class_name"])}
    if entry["class_name"] == "function":
        names = {str(entry.get("registered_name") or ""), str(entry["config"])}
    return names | {name.rpartition(">")[2] for name in names} - {""}


def _unknown(entry: Config, file: str) -> ModelError:
    kind = "function" if entry["class_name"] == "function" else "class"
    code = entry["config"] if kind == "function" else str(entry["class_name"]).rpartition(">")[2]
    name = name_of(entry)
    where = f"its layer {name!r} needs" if kind == "class" and name != entry["class_name"] else "it needs"
    return ModelError(
        f"{file} cannot be loaded: {where} the {kind} {code}, which is not part of Keras; add --custom-objects "
        f"MODULE:{code}, where MODULE is your Python module that defines it"
    )


def _refuse_lambda(entry: Config, file: str, known: Collection[str]) -> None:
    """A Lambda layer needs the user's function: under the function's own name, or under the layer's for a lambda."""
    name, function = name_of(entry), entry["config"].get("function")
    named = function.get("config") if isinstance(function, dict) else function
    given = next((key for key in (name, named) if isinstance(key, str) and key in known), None)
    if given is not None:
        # Keras finds the output's shape by tracing the user's function; the file's may be code as well.
        entry["config"] |= {
            "function": {"module": None, "class_name": "function", "config": given, "registered_name": given},
            "output_shape": None,
        }
        return
    if isinstance(named, str):
        raise ModelError(
            f"{file} cannot be loaded: its Lambda layer {name!r} calls the function {named}, which is not in the "
            f"file; add --custom-objects MODULE:{named}, where MODULE is your Python module that defines it"
        )
    raise ModelError(
        f"{file} cannot be loaded: the code of its Lambda layer {name!r} stands in the file, and no code out of a "
        f"file is ever run; define it as a function of a Python module of yours and add --custom-objects "
        f"{name}=MODULE:FUNCTION"
    )


def refuse_quantized(config: Config, file: str) -> None:
    """Refuses a model that Keras has quantized: its weights are integers that no converter here reads.

    Raises:
        ModelError: it names the first quantized layer.
    """
    for entry in entries(config):
        inner = entry["config"]
        if not isinstance(inner, dict):
            continue
        dtype = inner.get("dtype")
        quantized = inner.get("quantization_config") is not None or (
            "_from_" in dtype
            if isinstance(dtype, str)
            else any(policy["class_name"] in _QUANTIZED_POLICIES for policy in entries(dtype))
        )
        if quantized:
            raise ModelError(
                f"{file} was quantized by Keras (its layer {name_of(entry)!r}); give the model as it was before "
                "quantize(), and let export quantize it"
            )


def to_float32(config: Config) -> str | None:
    """Replaces reduced precision by float32, in place; a sentence for the user, or None where nothing was replaced."""
    found = set()
    for entry in entries(config):
        inner = entry["config"]
        if not isinstance(inner, dict):
            continue
        if entry["class_name"] in _POLICIES and inner.get("name") in REDUCED:
            found.add(inner["name"])
            inner["name"] = "float32"
        # An input's dtype says what the user gives, and an operation's is a cast that the model asks for.
        is_layer = entry["class_name"] != "InputLayer" and not str(entry.get("module")).startswith(
            "keras.src.ops"
        )
        if is_layer and inner.get("dtype") in REDUCED:
            found.add(inner["dtype"])
            inner["dtype"] = "float32"
    if not found:
        return None
    return (
        f"The model was trained in {' and '.join(sorted(found))}; it is exported in float32, so its answers may differ "
        "from the training's in the last digits of that precision."
    )


def free_batch(config: Config) -> None:
    """Lets every input take any batch, in place."""
    for entry in entries(config):
        inner = entry["config"]
        for key in ("batch_shape", "batch_input_shape", "build_input_shape"):
            shape = inner.get(key) if isinstance(inner, dict) else None
            if isinstance(shape, list) and shape:
                shape[0] = None
