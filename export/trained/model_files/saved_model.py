"""SavedModel folders, of Keras or of anything else that TensorFlow wrote, loaded for inference.

A SavedModel is a TensorFlow program: loading it runs its initializers, and a call runs its graph.  That is no more
than what the user asked for by naming it, since the graph cannot contain Python; but it can call back into Python
(py_function) and write files, so a model with such an operation is refused by the operation's name before TensorFlow
sees it.  The folder itself is never changed.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from export.trained.model_files.loaded import LoadedModel, Tensor
from runtime.errors import ModelError, UsageError, first_line

DEFAULT = "serving_default"
_FILE = "saved_model.pb"
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")
_FILES = ("WriteFile", "ReadFile", "WholeFileReaderV2", "PrintV2", "MatchingFiles", "DebugIdentityV3")


def load(folder: Path, signature: str | None, shapes: Mapping[str, tuple[int | None, ...]]) -> LoadedModel:
    """One signature of a SavedModel; see `load.load` for the arguments.

    Raises:
        ModelError: the folder holds no SavedModel, it is damaged, or it calls Python or touches files.
        UsageError: the signature, or an input of `shapes`, does not exist.
    """
    import tensorflow as tf

    definition = _definition(folder)
    operation = next((found for found in _operations(definition) if found in (*_PYTHON, *_FILES)), None)
    if operation is not None:
        does = "calls Python code that is not in it" if operation in _PYTHON else "reads or writes files"
        raise ModelError(
            f"{folder} cannot be loaded: its operation {operation} {does}; build the model without it and save it again"
        )
    notes = ("Optimizer state was left out while loading the SavedModel.",) if _drop_slots(definition) else ()
    module = _loaded(tf, folder, definition if notes else None)
    function = _signature(folder, module, signature)
    _, named = function.structured_input_signature
    inputs = tuple(_tensor(folder, name, spec, shapes.get(name)) for name, spec in sorted(named.items()))
    unknown = sorted(set(shapes) - set(named))
    if unknown:
        raise UsageError(
            f"--shape {unknown[0]}: {folder} has no such input; its inputs are {', '.join(sorted(named))}"
        )
    outputs = tuple(_output(folder, name, spec) for name, spec in sorted(function.structured_outputs.items()))

    def serve(feed: Mapping[str, Any]) -> dict[str, Any]:
        answers: dict[str, Any] = function(**{name: tf.convert_to_tensor(feed[name]) for name in named})
        return answers

    return LoadedModel(folder, inputs, outputs, serve, signature=function, module=module, notes=notes)


def _definition(folder: Path) -> Any:
    from tensorflow.core.protobuf import saved_model_pb2

    path = folder / _FILE
    if not path.is_file():
        raise ModelError(
            f"{folder} is no SavedModel: it has no {_FILE}; expected a folder that model.export('folder') writes"
        )
    definition = saved_model_pb2.SavedModel()
    try:
        definition.ParseFromString(path.read_bytes())
        definition.meta_graphs[0]
    except Exception as error:  # protobuf's own errors; IndexError where nothing is in it
        raise ModelError(
            f"{path} is damaged ({first_line(error)}); copy the folder again, or export it again"
        ) from error
    return definition


def _operations(definition: Any) -> Iterator[str]:
    """Every operation of the graphs and of their functions."""
    for graph in definition.meta_graphs:
        yield from (node.op for node in graph.graph_def.node)
        for function in graph.graph_def.library.function:
            yield from (node.op for node in function.node_def)


def _drop_slots(definition: Any) -> bool:
    """Forgets which variables were an optimizer's slots, in place; whether there were any.

    TensorFlow otherwise asks an object for `add_slot` that only the optimizer's class has.
    """
    found = False
    for graph in definition.meta_graphs:
        for node in graph.object_graph_def.nodes:
            found = found or bool(node.slot_variables)
            del node.slot_variables[:]
    return found


def _loaded(tf: Any, folder: Path, changed: Any) -> Any:
    """What TensorFlow loads: the folder, or a temporary copy of it with another definition."""
    try:
        if changed is None:
            return tf.saved_model.load(str(folder))
        with tempfile.TemporaryDirectory(prefix="edgeproof-") as place:
            copy = Path(place) / "saved_model"
            # keras_metadata.pb and fingerprint.pb belong to the old definition.
            shutil.copytree(folder, copy, ignore=lambda *_: {_FILE, "keras_metadata.pb", "fingerprint.pb"})
            (copy / _FILE).write_bytes(changed.SerializeToString())
            return tf.saved_model.load(str(copy))
    except Exception as error:  # TensorFlow raises many kinds
        said = " ".join(str(error).split())[:300]
        raise ModelError(
            f"{folder} cannot be loaded by TensorFlow {tf.__version__} ({said}); export it again"
        ) from error


def _signature(folder: Path, module: Any, name: str | None) -> Any:
    signatures = dict(module.signatures)
    wanted = name or DEFAULT
    if wanted in signatures:
        return signatures[wanted]
    there = ", ".join(sorted(signatures)) or "none"
    if name is None and signatures:
        raise UsageError(
            f"{folder} has no signature {DEFAULT}; it has {there}: choose one with --signature NAME"
        )
    if name is None:
        raise ModelError(f"{folder} has no signature to call; save it with model.export('folder')")
    raise UsageError(f"--signature {name}: {folder} has no such signature; it has {there}")


def _output(folder: Path, name: str, spec: Any) -> Tensor:
    """An output; its shape is (None,) where the signature does not know it."""
    own = (None,) if spec.shape.rank is None else tuple(spec.shape)
    if own == ():
        raise ModelError(
            f"{folder} gives {name!r} as a single number for all rows; choose another one with --signature NAME"
        )
    return Tensor(name, spec.dtype.name, own)


def _tensor(folder: Path, name: str, spec: Any, given: tuple[int | None, ...] | None) -> Tensor:
    """An input; the user's shape fixes what the signature leaves open, except the batch."""
    own = None if spec.shape.rank is None else tuple(spec.shape)
    if own is None and given is None:
        raise ModelError(
            f"{folder} does not say the shape of its input {name!r}; add --shape {name}=1,SIZE,... with the batch first"
        )
    if own == ():
        raise ModelError(
            f"{folder} takes {name!r} as a single number without a batch; choose another one with "
            "--signature NAME"
        )
    if not given:
        return Tensor(name, spec.dtype.name, own or (None,))
    own = own or (None,) * len(given)
    if len(own) != len(given) or any(
        size not in (None, wanted) for size, wanted in zip(own[1:], given[1:], strict=True)
    ):
        sizes = ",".join("?" if size is None else str(size) for size in own[1:])
        raise UsageError(
            f"--shape {name}={','.join(map(str, given))} does not fit {folder}, which takes {name}=1,{sizes}"
        )
    return Tensor(name, spec.dtype.name, (own[0], *given[1:]))
