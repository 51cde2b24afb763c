"""Reads and writes the records of inputs and outputs, which have one form in a manifest and in training.json."""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

from runtime.bundle.manifest import DTYPES, KINDS, RESIZES, TASKS, InputRecord, OutputRecord
from runtime.bundle.strict_json import Fields

_MOST_DIMENSIONS, _MOST_ELEMENTS = 8, 1 << 28
_MOST_NAMES = 100_000  # labels of a classifier, columns of a table
_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
# What an input of each kind may be: its dtypes, its fewest and most dimensions, the keys that others do not have.
_ANY = ("float", *DTYPES[1:])
_KINDS: Mapping[str, tuple[tuple[str, ...], int, int, tuple[str, ...]]] = {
    "image": (("uint8",), 3, 3, ("low", "high", "resize")),
    "table": (("float",), 1, 1, ("columns",)),
    "sequence": (_ANY, 1, 2, ("low", "high")),
    "text": (("int32", "int64"), 1, 1, ("low", "high", "vocabulary")),
    "tensor": (_ANY, 0, _MOST_DIMENSIONS, ("low", "high")),
}
_KEYS_OF_INPUTS = ("low", "high", "columns", "resize", "vocabulary")
# The keys of each task.
_TASKS: Mapping[str, tuple[str, ...]] = {
    "classification": ("labels",),
    "binary": ("labels",),
    "multilabel": ("labels",),
    "regression": ("columns", "units"),
    "reconstruction": ("input", "scale", "offset"),
    "tensor": (),
}
_KEYS_OF_OUTPUTS = ("labels", "columns", "units", "input", "scale", "offset")
_LARGEST_SCALE = 1e30  # the square of a difference is then no infinity
# The whole numbers that each dtype holds. A manifest's bounds are floats, which are exact up to 2^53.
_BOUNDS = {
    "int32": (-(1 << 31), (1 << 31) - 1),
    "int64": (-(1 << 53), 1 << 53),
    "uint8": (0, 255),
}


def inputs_to_json(inputs: Iterable[InputRecord]) -> dict[str, Any]:
    """The inputs by name, as they stand in a manifest and in the record of a trained model."""
    return {record.name: _named(record) for record in inputs}


def outputs_to_json(outputs: Iterable[OutputRecord]) -> dict[str, Any]:
    """The outputs by name, as they stand in a manifest and in the record of a trained model."""
    return {record.name: _named(record) for record in outputs}


def _named(record: InputRecord | OutputRecord) -> dict[str, Any]:
    values = plain(record)
    return {key: value for key, value in values.items() if key != "name" and value is not None}


def plain(value: Any) -> Any:
    """Records as objects and tuples as lists, as JSON has them."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: plain(item) for key, item in value._asdict().items()}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple | list) else value


def read_inputs(fields: Fields) -> dict[str, InputRecord]:
    """What goes in, by name; a manifest and the record of a trained model say it alike."""
    if not len(fields):
        raise fields.error(f"{fields.where}: is empty; a model has at least one input")
    return {name: read_input(_checked_name(fields, name), fields.fields(name)) for name in fields}


def read_outputs(fields: Fields, inputs: Mapping[str, InputRecord]) -> dict[str, OutputRecord]:
    """What comes out, by name; `inputs` are those of the same model."""
    if not len(fields):
        raise fields.error(f"{fields.where}: is empty; a model has at least one output")
    taken = next((name for name in fields if name in inputs), None)
    if taken is not None:
        fields.refuse(taken, "is the name of an input too; all inputs and outputs need different names")
    return {name: _output(_checked_name(fields, name), fields.fields(name), inputs) for name in fields}


def _checked_name(fields: Fields, name: str) -> str:
    if not 0 < len(name) <= 100 or not _NAME_CHARACTERS.issuperset(name):
        fields.refuse(name[:80], "is no name of an input or output: 1 to 100 of A-Z a-z 0-9 _")
    return name


def read_input(name: str, fields: Fields) -> InputRecord:
    """What one input takes."""
    kind = fields.one_of("kind", KINDS)
    dtypes, fewest, most, keys = _KINDS[kind]
    _refuse_others(fields, _KEYS_OF_INPUTS, keys, f"an input of the kind {kind}")
    shape, dtype = _row_shape(fields, fewest, most), fields.one_of("dtype", dtypes)
    low, high = _bound(fields, "low", dtype), _bound(fields, "high", dtype)
    columns = resize = vocabulary = None
    if low is not None and high is not None and low > high:
        fields.refuse("low", f"is {low:.0f}, above high, which is {high:.0f}")
    if kind == "image":
        if shape[2] not in (1, 3):
            fields.refuse("shape", f"is {list(shape)}; an image has [height, width, 1 or 3]")
        if fields.number("low") >= fields.number("high"):
            fields.refuse("high", f"is {high:g} with low {low:g}; needed is 0 <= low < high <= 255")
        resize = fields.one_of("resize", RESIZES) if fields.has("resize") else RESIZES[0]
    elif kind == "table":
        columns = _names(fields, "columns", shape[0], shape)
    elif kind == "text":
        vocabulary = fields.path("vocabulary")
        if fields.number("low") != 0 or fields.number("high") < 1:
            fields.refuse("low", "must be 0 and high at least 1 for the numbers of words")
    return InputRecord(kind, name, shape, dtype, low, high, columns, resize, vocabulary)


def _bound(fields: Fields, key: str, dtype: str) -> float | None:
    if not fields.has(key):
        return None
    if dtype not in _BOUNDS:
        fields.refuse(key, f"is there, but an input of the dtype {dtype} has no bounds")
    least, most = _BOUNDS[dtype]
    bound = fields.number(key)
    if bound != bound // 1 or not least <= bound <= most:
        fields.refuse(key, f"is {bound:g}; it must be a whole number from {least} to {most}")
    return bound


def _output(name: str, fields: Fields, inputs: Mapping[str, InputRecord]) -> OutputRecord:
    task = fields.one_of("task", TASKS)
    _refuse_others(fields, _KEYS_OF_OUTPUTS, _TASKS[task], f"an output of the task {task}")
    shape = _row_shape(fields, 1 if "labels" in _TASKS[task] else 0, _MOST_DIMENSIONS)
    dtype = fields.one_of("dtype", DTYPES if task == "tensor" else DTYPES[:1])
    labels = columns = units = source = scale = offset = None
    if task == "binary":
        labels = _names(fields, "labels", 2, shape)
        if shape[-1] != 1:
            fields.refuse("shape", f"is {list(shape)}; a binary output has the shape […, 1]")
    elif "labels" in _TASKS[task]:
        labels = _names(fields, "labels", shape[-1], shape)
        if task == "classification" and len(labels) < 2:
            fields.refuse("labels", "are 1; a classification has at least two")
    elif task == "regression":
        columns = _names(fields, "columns", prod(shape), shape) if fields.has("columns") else None
        units = _units(fields, prod(shape), shape) if fields.has("units") else None
    elif task == "reconstruction":
        source = fields.text("input")
        if source not in inputs or inputs[source].shape != shape:
            fields.refuse("input", f"is {source[:80]!r}; it must name an input of the shape {list(shape)}")
        if fields.has("scale") or fields.has("offset"):
            scale, offset = (_for_last_axis(fields, key, shape) for key in ("scale", "offset"))
            if 0 in scale:
                fields.refuse("scale", "holds 0; nothing of the input would be left")
    return OutputRecord(name, shape, task, dtype, labels, columns, units, source, scale, offset)


def _for_last_axis(fields: Fields, key: str, shape: tuple[int, ...]) -> tuple[float, ...]:
    last = shape[-1] if shape else 1
    numbers = fields.numbers(key, last)
    if len(numbers) not in (1, last):
        fields.refuse(key, f"are {len(numbers)} numbers, but the shape {list(shape)} needs 1 or {last}")
    if not all(abs(number) <= _LARGEST_SCALE for number in numbers):
        fields.refuse(key, f"must hold numbers up to {_LARGEST_SCALE:g}")
    return numbers


def _names(fields: Fields, key: str, count: int, shape: tuple[int, ...]) -> tuple[str, ...]:
    names = fields.texts(key, _MOST_NAMES)
    _check_count(fields, key, len(names), count, shape)
    return names


def _units(fields: Fields, count: int, shape: tuple[int, ...]) -> tuple[str | None, ...]:
    units = fields.optional_texts("units", _MOST_NAMES)
    _check_count(fields, "units", len(units), count, shape)
    return units


def _check_count(fields: Fields, key: str, found: int, count: int, shape: tuple[int, ...]) -> None:
    if found != count:
        fields.refuse(key, f"are {found}, but the shape {list(shape)} needs {count}")


def _refuse_others(fields: Fields, known: tuple[str, ...], allowed: tuple[str, ...], what: str) -> None:
    for key in known:
        if key not in allowed and fields.has(key):
            fields.refuse(key, f"is there, but {what} has none")


def _row_shape(fields: Fields, fewest: int, most: int) -> tuple[int, ...]:
    shape = fields.items("shape", most)
    if len(shape) < fewest:
        fields.refuse("shape", f"is {str(shape)[:80]}; it must have at least {fewest} dimensions")
    if not all(type(extent) is int and extent >= 1 for extent in shape):
        fields.refuse("shape", "must hold whole numbers of at least 1")
    if prod(shape) > _MOST_ELEMENTS:
        fields.refuse("shape", f"is {str(shape)[:80]}; at most {_MOST_ELEMENTS} elements are allowed")
    return tuple(shape)
