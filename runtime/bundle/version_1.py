"""Reads bundles of version 1 of the format, which had one input and one output, into the records of today."""

from collections.abc import Mapping
from json import dumps

from runtime.bundle.manifest import (
    FileRecord,
    InputRecord,
    Manifest,
    OriginalRecord,
    OutputRecord,
    Score,
    TensorSpec,
    Variant,
)
from runtime.bundle.signature_json import read_input
from runtime.bundle.strict_json import Fields
from runtime.bundle.variant_json import (
    Signature,
    read_built,
    read_recorded,
    read_sha256,
    read_tensor,
    read_tolerance,
)

_LONGEST_NAME, _MOST_LABELS, _MOST_WIDE = 100, 100_000, 1 << 28


def read_signature(top: Fields) -> Signature:
    """The input, the output and the original of a manifest of version 1."""
    task = top.one_of("task", ("classification", "regression"))
    given = top.fields("input")
    given.one_of("kind", ("image", "table"))
    taken = read_input(given.text("name", _LONGEST_NAME), given)
    made = top.fields("output")
    name, shape = made.text("name", _LONGEST_NAME), made.items("shape", 4)
    if len(shape) != 1 or type(shape[0]) is not int or not 1 <= shape[0] <= _MOST_WIDE:
        made.refuse("shape", f"is {str(shape)[:80]}; an output row has one dimension of at least 1")
    labels = None if top.value("labels") is None else top.texts("labels", _MOST_LABELS)
    if (labels is None) != (task == "regression"):
        top.refuse("labels", f"do not fit the task {task}: a classifier has labels, a regressor has none")
    if labels is not None and len(labels) != shape[0]:
        top.refuse("labels", f"are {len(labels)}, but the output has the shape {shape}")
    unit = top.optional_text("unit")
    units = None if unit is None else (unit,) * shape[0]
    original = top.fields("original")
    score = Score(original.text("metric_name", 100), original.optional_number("metric"))
    return (
        {taken.name: taken},
        {name: OutputRecord(name, tuple(shape), task, labels=labels, units=units)},
        OriginalRecord(read_sha256(original), original.text("device"), {name: score}),
    )


def read_variant(
    name: str,
    fields: Fields,
    files: Mapping[str, FileRecord],
    inputs: Mapping[str, InputRecord],
    outputs: Mapping[str, OutputRecord],
) -> Variant:
    """One variant of a manifest of version 1; its limits become those of its output."""
    (taken,), (made,) = inputs.values(), outputs.values()
    return read_built(name, fields, files)._replace(
        inputs={taken.name: _tensor(fields.fields("inputs", 1), taken.name, taken.tensor)},
        outputs={made.name: _tensor(fields.fields("outputs", 1), made.name, made.tensor)},
        tolerances={made.name: read_tolerance(fields)},
        recorded={made.name: read_recorded(fields)} if fields.has("recorded") else {},
    )


def _tensor(tensors: Fields, name: str, expected: TensorSpec) -> TensorSpec:
    """Version 1 had room for the quantization of a tensor at the edge of a file; none ever had one."""
    fields = tensors.fields(name)
    fields.optional_number("scale")
    if fields.value("zero_point") is not None:
        fields.integer("zero_point", -(1 << 31), 1 << 31)
    return read_tensor(fields, expected)


def array_name(manifest: Manifest, name: str) -> str:
    """The name that an array of the golden samples of version 1 would have today."""
    (taken,), (made,) = manifest.inputs, manifest.outputs
    group, slash, variant = name.partition("/")
    if not slash:
        return {"inputs": f"inputs/{taken}", "outputs": f"outputs/{made}"}.get(name, name)
    variant, slash, engine = variant.partition("/")
    return f"{'recorded' if group == 'outputs' else group}/{variant}/{made}{slash}{engine}"


def contract_text(manifest: Manifest) -> str:
    """All that `predict` promised besides its numbers, whose SHA-256 the golden samples hold."""
    (taken,), (made,) = manifest.inputs.values(), manifest.outputs.values()
    low, high = (None if bound is None else float(bound) for bound in (taken.low, taken.high))
    values = (
        made.task, made.labels, made.units and made.units[0],
        taken.kind, taken.name, taken.shape, taken.dtype, low, high, taken.columns,
        made.name, made.shape,
    )  # fmt: skip
    return dumps(values, separators=(",", ":"))
