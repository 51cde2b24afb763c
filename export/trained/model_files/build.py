"""From a configuration and weights to a Keras model with symbolic inputs and outputs."""

from __future__ import annotations

import itertools
import re
import tempfile
import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from export.trained.keras_graph import maker
from export.trained.model_files import activation_layers, h5, keras_zip
from export.trained.model_files.config import MODELS, Config, entries, names_of_class
from runtime.errors import EdgeProofError, ModelError, UsageError

Shapes = Mapping[str, tuple[int | None, ...]]
# Keras only warns when it leaves a layer with random weights.
_LOST_WEIGHTS = (".*Skipping nested container", ".*had a build config, but the model cannot be built")


def from_zip(path: Path, config: Config, objects: dict[str, Any]) -> Any:
    """The model in a `.keras` file, built from this configuration.

    Raises:
        ModelError: Keras cannot build it, or would leave a layer without its weights.
    """
    import keras

    _declare_activations(path, config, objects)
    with tempfile.TemporaryDirectory(prefix="edgeproof-") as folder:
        copy = Path(folder) / "model.keras"
        keras_zip.write(path, config, copy)
        model = _quietly(
            path,
            lambda: keras.saving.load_model(
                copy, _by_every_name(config, objects), compile=False, safe_mode=True
            ),
        )
    moved = keras_zip.misplaced(model, config)
    if moved:
        raise ModelError(
            f"{path.name} cannot be loaded: Keras puts its layer {moved!r} at another place than the file, and would "
            "mix up weights; save the model as .h5 with the Keras that wrote it"
        )
    return model


def from_h5(path: Path, config: Config, objects: dict[str, Any]) -> Any:
    """The model in a `.h5` file, built from this configuration; raises as `from_zip`."""
    _declare_activations(path, config, objects)
    model = _quietly(path, lambda: _from_config(config, objects))
    if model.built:
        h5.load_weights(model, path)
    return model


def _declare_activations(path: Path, config: Config, objects: dict[str, Any]) -> None:
    """Declares what layers that are activations of others are built for, in place."""
    _quietly(
        path,
        lambda: activation_layers.declare_shapes(config, lambda: _from_config(config, objects), path.name),
    )


def _from_config(config: Config, objects: dict[str, Any]) -> Any:
    """The model that a configuration describes, without weights."""
    import keras

    known = _by_every_name(config, objects)
    copy = deepcopy(config)  # Keras takes apart what it is given
    return keras.saving.deserialize_keras_object(copy, custom_objects=known, safe_mode=True)


def _quietly(path: Path, build: Any) -> Any:
    """What Keras builds; its errors in one line, and its warnings of lost weights as errors."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for lost in _LOST_WEIGHTS:
                warnings.filterwarnings("error", lost)
            return build()
    except EdgeProofError:
        raise
    except Exception as error:  # Keras raises whatever its layers raise
        said = " ".join(str(error).rpartition("Exception encountered: ")[2].split())
        circle = re.search(r"from operation '(\S+)' is part of a cycle", said)
        if circle:
            raise ModelError(
                f"{path.name} cannot be loaded by Keras 3: its layer {circle[1]!r} gives back its own input, as "
                "Equalization does; build the model without that layer, which changes nothing after training, and save "
                "it again"
            ) from error
        raise ModelError(
            f"{path.name} cannot be loaded by Keras 3 ({said[:300]}); save it again with model.save('model.keras'), "
            "and give your own layers with --custom-objects MODULE:NAME"
        ) from error


def _by_every_name(config: Config, objects: dict[str, Any]) -> dict[str, Any]:
    """The user's objects under their names in the file too, which may carry a package (`Custom>Scale`)."""
    known = dict(objects)
    for entry in entries(config):
        for name, given in objects.items():
            if name in names_of_class(entry):
                known |= dict.fromkeys(names_of_class(entry), given)
    return known


def declare_input(config: Config, shapes: Shapes, file: str) -> None:
    """Gives a Sequential model saved without its input the shape it was built with or the user gives, in place.

    Raises:
        ModelError: the shape is neither in the file nor given.
    """
    inner = config["config"]
    if config["class_name"] != "Sequential" or not inner["layers"]:
        return
    if inner["layers"][0]["class_name"] in (*MODELS, "InputLayer"):
        return
    shape = inner.get("build_input_shape") or (next(iter(shapes.values())) if len(shapes) == 1 else None)
    if shape is None:
        raise _shapeless(file)
    given = {"batch_shape": [None, *shape[1:]], "dtype": "float32", "name": next(iter(shapes), "inputs")}
    inner["layers"].insert(0, {"module": "keras.layers", "class_name": "InputLayer", "config": given})


def _shapeless(file: str) -> ModelError:
    return ModelError(
        f"{file} does not say what shape its model takes; add --shape inputs=1,SIZE,... with the batch first, or call "
        "the model once on data and save it again"
    )


@dataclass(frozen=True)
class Symbolic:
    """A Keras model with symbolic inputs and outputs, and the names of both in Keras' order."""

    model: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def serve(self, feed: Mapping[str, Any]) -> dict[str, Any]:
        """Tensors by output name for tensors or arrays by input name, for one batch."""
        import keras

        structure = keras.tree.pack_sequence_as(
            _ends(self.model, "input"), [feed[name] for name in self.inputs]
        )
        given = keras.tree.flatten(self.model(structure, training=False))
        return dict(zip(self.outputs, given, strict=True))


def symbolic(model: Any, shapes: Shapes, file: str) -> Symbolic:
    """The model with symbolic inputs: itself where it has them all, else called on inputs of the known shapes.

    `shapes` are by input name, with the batch first, which stays free.  A model that was saved without any shape
    takes one under any name.

    Raises:
        UsageError: a shape names no input, or contradicts the model's.
        ModelError: the shapes are neither in the file nor given.
    """
    import keras

    own = _ends(model, "input")
    symbols = _declared(model, shapes, file) if own is None else own
    names = _names(symbols, lambda symbol: str(symbol.name))
    unknown = sorted(set(shapes) - set(names))
    if unknown:
        raise UsageError(f"--shape {unknown[0]}: {file} has no such input; its inputs are {', '.join(names)}")
    if own is not None and not shapes:
        return Symbolic(model, names, _output_names(_ends(model, "output")))
    inputs = [
        keras.Input(
            batch_shape=_fixed(symbol.shape, shapes.get(name), name, file), dtype=symbol.dtype, name=name
        )
        for name, symbol in zip(names, keras.tree.flatten(symbols), strict=True)
    ]
    structure = keras.tree.pack_sequence_as(symbols, inputs)
    own_outputs = None if own is None else _ends(model, "output")  # a call gives the model other ones
    outputs = model(structure)
    given = _names(outputs, lambda _: "output") if own is None else _output_names(own_outputs)
    return Symbolic(keras.Model(structure, outputs, name=model.name), names, given)


def _ends(model: Any, which: Literal["input", "output"]) -> Any:
    """The model's symbolic inputs or outputs in their structure; None where it has none."""
    try:
        if isinstance(getattr(model, which, None), type(None)):
            flat = getattr(model, f"{which}s")  # a Sequential model has the list alone
            return flat[0] if len(flat) == 1 else flat
        return getattr(model, which)
    except (AttributeError, ValueError):
        return None


def _declared(model: Any, shapes: Shapes, file: str) -> Any:
    """Inputs of a subclassed or an unbuilt model, of the shapes it was built with or the user gives."""
    import keras

    build = (model.get_build_config() or {}) if model.built else {}
    declared = build.get("input_shape")
    if declared is None and len(shapes) == 1:
        declared = next(iter(shapes.values()))
    if declared is None:
        raise _shapeless(file)
    return _inputs_of(declared, next(iter(shapes), "inputs"), keras)


def _inputs_of(declared: Any, name: str, keras: Any) -> Any:
    """One symbolic input for each shape in a structure of shapes."""
    if isinstance(declared, dict):
        return {key: _inputs_of(shape, key, keras) for key, shape in declared.items()}
    if any(isinstance(size, list | tuple | dict) for size in declared):
        return [_inputs_of(shape, f"{name}_{place}", keras) for place, shape in enumerate(declared)]
    return keras.Input(batch_shape=(None, *declared[1:]), name=name)


def _fixed(
    own: tuple[int | None, ...], given: tuple[int | None, ...] | None, name: str, file: str
) -> tuple[int | None, ...]:
    if given is None:
        return own
    fits = len(own) == len(given) and all(
        size in (None, wanted) for size, wanted in zip(own[1:], given[1:], strict=True)
    )
    if not fits:
        sizes = ",".join("?" if size is None else str(size) for size in own[1:])
        raise UsageError(
            f"--shape {name}={','.join(map(str, given))} does not fit {file}, which takes {name}=1,{sizes}"
        )
    return (own[0], *given[1:])


def _output_names(symbols: Any) -> tuple[str, ...]:
    return _names(symbols, lambda symbol: str(maker(symbol).operation.name))


def _names(symbols: Any, own: Callable[[Any], str]) -> tuple[str, ...]:
    """A name for each tensor, in Keras' order: its key in a dict, else its own; `lstm, lstm` as `lstm, lstm_1`."""
    import keras

    nested = isinstance(symbols, list | tuple | dict)
    found: list[str] = []
    for path, symbol in keras.tree.flatten_with_path(symbols) if nested else [((), symbols)]:
        name = "_".join(map(str, path)) if any(isinstance(key, str) for key in path) else own(symbol)
        numbered = (f"{name}_{number}" if number else name for number in itertools.count())
        found.append(next(candidate for candidate in numbered if candidate not in found))
    return tuple(found)
