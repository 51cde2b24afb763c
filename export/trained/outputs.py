"""What a user's model gives: the record of each output, from its tensor, a guess of its task and the user's options."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from export.trained.class_targets import by_targets
from export.trained.inputs import EDGE_DTYPES
from export.trained.model_files.guess_task import guess_task
from export.trained.model_files.loaded import LoadedModel, Tensor
from export.trained.names import UNNAMED, Names, by_public_name
from export.trained.user_model import UserModel
from runtime.bundle.manifest import InputRecord, OutputRecord
from runtime.errors import UsageError

_WITH_LABELS = {"classification": "[…, 2 or more]", "binary": "[…, 1]", "multilabel": "[…, 1 or more]"}
_BINARY_LABELS = ("no", "yes")


def find_outputs(
    model: LoadedModel,
    names: Names,
    inputs: Sequence[InputRecord],
    user: UserModel,
    labels: tuple[str, ...] | None = None,
    columns: tuple[str, ...] | None = None,
    targets: Mapping[str, NDArray[Any]] | None = None,
) -> tuple[list[OutputRecord], list[str]]:
    """The records of all outputs in the model's order, and a sentence for each whose task was guessed.

    Args:
        model: the shapes of whose outputs are known, but for the batch.
        names: the public ones.
        inputs: the records of the inputs, in the model's order.
        user: the options.
        labels: the names of classes that the data give, for an output without `--labels`.
        columns: the names of values that the data give.
        targets: what the data say that the answers should have been, by public name.

    Raises:
        UsageError: an option does not fit an output.
    """
    tensors = dict(zip(names.outputs, model.outputs, strict=True))
    tasks = _tasks(model, names, user, labels, targets or {})
    records = {name: _record(name, tensor, tasks[name][0], inputs, model) for name, tensor in tensors.items()}
    records = _with_labels(records, names, user, labels)
    records = _with_units(records, names, user, columns)
    notes = [
        f"task of {name}: {task}, because {why}; --task overrides"
        for name, (task, why) in tasks.items()
        if why
    ]
    return list(records.values()), notes


def _tasks(
    model: LoadedModel,
    names: Names,
    user: UserModel,
    folders: Sequence[str] | None,
    targets: Mapping[str, NDArray[Any]],
) -> dict[str, tuple[str, str | None]]:
    """The task of each output and why it is so; no reason for one that the user gave."""
    said = by_public_name("--task", user.tasks, names, names.outputs, "output")
    labelled = set(user.labels) - {UNNAMED}
    only = len(names.outputs) == 1
    if UNNAMED in user.labels and only:
        labelled |= set(names.outputs)
    # A metric of the user's own may take one number for an answer of several.
    scored = by_public_name("--metric", user.metrics, names, names.outputs, "output")
    found: dict[str, tuple[str, str | None]] = {}
    for name, tensor, (task, why) in zip(
        names.outputs, model.outputs, guess_task(model).values(), strict=True
    ):
        if EDGE_DTYPES.get(tensor.dtype) != "float32":
            task, why = "tensor", f"it gives {tensor.dtype}"
        elif task in ("tensor", "regression") and labelled & {name, names.own[name]}:
            task, why = "classification", "--labels names its classes"
        elif name not in scored:
            by_data = by_targets(task, tensor.shape[1:], targets.get(name), folders if only else None)
            task, why = (task, why) if by_data is None else ("classification", by_data)
        found[name] = (said[name], None) if name in said else (task, why)
    return found


def _record(
    name: str, tensor: Tensor, task: str, inputs: Sequence[InputRecord], model: LoadedModel
) -> OutputRecord:
    """The record, without the names of its numbers."""
    if tensor.dtype not in EDGE_DTYPES:
        raise UsageError(
            f"{model.path.name}: its output {tensor.name!r} gives {tensor.dtype}, which the engines of a device do not "
            "have; move what makes it out of the model"
        )
    shape = tuple(size or 0 for size in tensor.shape[1:])
    dtype = EDGE_DTYPES[tensor.dtype]
    if task != "tensor" and dtype != "float32":
        raise UsageError(
            f"--task {task}: the output {name} gives {tensor.dtype}; this task needs floating-point scores or values"
        )
    last = shape[-1] if shape else 0
    fits = {"classification": last > 1, "binary": last == 1, "multilabel": last > 0}
    if not fits.get(task, True):
        raise UsageError(
            f"--task {task}: the output {name} has the shape {_shown(tensor)}; expected {_WITH_LABELS[task]}"
        )
    if task != "reconstruction":
        return OutputRecord(name, shape, task, dtype)
    for taken, own in zip(inputs, model.inputs, strict=True):
        if own.shape[1:] == tensor.shape[1:]:
            return OutputRecord(name, taken.shape, task, dtype, input=taken.name)
    raise UsageError(
        f"--task reconstruction: the output {name} has the shape {_shown(tensor)}, and no input has it; it has "
        f"{', '.join(f'{own.name} {_shown(own)}' for own in model.inputs)}"
    )


def _shown(tensor: Tensor) -> str:
    return f"[{', '.join(['batch', *map(str, tensor.shape[1:])])}]"


def _with_labels(
    records: Mapping[str, OutputRecord], names: Names, user: UserModel, given: tuple[str, ...] | None
) -> dict[str, OutputRecord]:
    """The records with the names of their classes: the user's, those of the data, or numbers."""
    candidates = [name for name, record in records.items() if record.task in _WITH_LABELS]
    said = by_public_name("--labels", user.labels, names, candidates, "output with classes")
    found = dict(records)
    for name in candidates:
        record = records[name]
        count = 2 if record.task == "binary" else record.shape[-1]
        labels = said.get(name)
        if labels is None and given is not None and len(candidates) == 1:
            labels = given
        if labels is None:
            labels = _BINARY_LABELS if record.task == "binary" else tuple(map(str, range(count)))
        if len(labels) != count:
            option = "--labels names" if name in said else "the data have folders of"
            raise UsageError(f"{option} {len(labels)} classes, and the output {name} has {count}")
        found[name] = record._replace(labels=labels)
    return found


def _with_units(
    records: Mapping[str, OutputRecord], names: Names, user: UserModel, columns: tuple[str, ...] | None
) -> dict[str, OutputRecord]:
    """The records with the units of their values, and with the names that the data give them."""
    candidates = [name for name, record in records.items() if record.task == "regression"]
    said = by_public_name("--unit", user.units, names, candidates, "output with values")
    found = dict(records)
    for name in candidates:
        count = math.prod(records[name].shape)
        if name in said:
            units = said[name] * count if len(said[name]) == 1 else said[name]
            if len(units) != count:
                raise UsageError(f"--unit names {len(units)} units, and the output {name} has {count} values")
            found[name] = found[name]._replace(units=tuple(unit or None for unit in units))
        if columns is not None and len(candidates) == 1 and len(columns) == count:
            found[name] = found[name]._replace(columns=columns)
    return found
