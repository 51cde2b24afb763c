"""Reads and writes manifest.json. It is read strictly, since a manifest may come from anywhere."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from runtime.bundle.manifest import (
    FORMATS,
    MANIFEST_NAME,
    MANIFEST_VERSION,
    MAX_FILE_BYTES,
    MAX_MANIFEST_BYTES,
    SIGNATURE_NAME,
    TASKS,
    DriftLimits,
    FileRecord,
    InputRecord,
    Manifest,
    Original,
    OutputRecord,
    TensorSpec,
    Tolerance,
    Variant,
)
from runtime.bundle.strict_json import Fields, parse_object
from runtime.errors import BundleError

CHECKSUM = "checksum"
# Version 1 has room for the quantization of a tensor. All tensors at the edge of a file are float32 and have none.
_NO_QUANTIZATION = {"scale": None, "zero_point": None}
_PATH_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def to_json(manifest: Manifest) -> str:
    """Returns the text of manifest.json; raises BundleError where the reader would refuse it."""
    values = _plain(manifest)
    values["input"] = {key: value for key, value in values["input"].items() if value is not None}
    for variant in values["variants"].values():
        del variant["name"]  # it is the key already
        for tensor in (*variant["inputs"].values(), *variant["outputs"].values()):
            tensor |= _NO_QUANTIZATION
    try:
        text = with_checksum(values)
    except ValueError as error:
        raise BundleError(f"{MANIFEST_NAME}: {error}") from None
    from_json(text)
    return text


def with_checksum(values: Mapping[str, Any]) -> str:
    """Returns the values as JSON, with the SHA-256 of every byte before it as the last key."""
    values = {key: value for key, value in values.items() if key != CHECKSUM}
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False)
    before = text.removesuffix("\n}") + ",\n  "
    return f'{before}"{CHECKSUM}": "{sha256(before.encode()).hexdigest()}"\n}}\n'


def _plain(value: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


def from_json(text: str | bytes, where: str = MANIFEST_NAME) -> Manifest:
    """Reads a manifest.

    Args:
        text: the content of manifest.json.
        where: its name, for errors.

    Raises:
        BundleError: the text is not what docs/bundle.md allows.
    """
    if len(text) > MAX_MANIFEST_BYTES:
        raise BundleError(f"{where}: larger than {MAX_MANIFEST_BYTES} bytes")
    top = parse_object(text, where)
    version = top.integer("manifest_version", 0, 1 << 30)
    if version != MANIFEST_VERSION:
        newer = "; install a newer edgeproof" if version > MANIFEST_VERSION else "; export the bundle again"
        raise BundleError(
            f"{where}: manifest version {version}, this edgeproof reads {MANIFEST_VERSION}{newer}"
        )
    _check_undamaged(top, text, where)
    producer = top.fields("producer")
    task, labels, unit, wanted, output = read_signature(top)
    files = _files(top.fields("files", 10_000))
    golden = _path(top, "golden")
    if golden not in files:
        top.refuse("golden", f"names {golden!r}, which is not among the files")
    variants = {}
    records = top.fields("variants")
    for name in records:
        variants[name] = _variant(name, records.fields(name), files, wanted, output)
    return Manifest(
        manifest_version=version,
        producer={name: producer.text(name) for name in producer},
        model=top.text("model", 100),
        task=task,
        labels=labels,
        unit=unit,
        parameters=top.integer("parameters", 0, 1 << 50),
        input=wanted,
        output=output,
        original=_original(top.fields("original")),
        golden=golden,
        files=files,
        variants=variants,
        bundle_version=top.integer("bundle_version", 0, 1 << 53) if "bundle_version" in top else 0,
    )


def read_signature(
    top: Fields,
) -> tuple[str, tuple[str, ...] | None, str | None, InputRecord, OutputRecord]:
    """What goes in and what comes out, which a manifest and a training record say alike.

    Returns:
        The task, the labels of a classifier, the unit of a regressor, the input and the output.
    """
    task = _one_of(top, "task", TASKS)
    wanted = _input(top.fields("input"))
    output = _output(top.fields("output"))
    labels = None if top.value("labels") is None else top.texts("labels", 100_000)
    if (labels is None) != (task == "regression"):
        top.refuse("labels", f"do not fit the task {task}: a classifier has labels, a regressor has none")
    if labels is not None and output.shape != (len(labels),):
        top.refuse("labels", f"are {len(labels)}, but the output has the shape {list(output.shape)}")
    return task, labels, top.optional_text("unit"), wanted, output


def _check_undamaged(top: Fields, text: str | bytes, where: str) -> None:
    # The checksum protects the digests of the other files. It finds damage, not malice: anyone can compute it anew.
    content = text.encode() if isinstance(text, str) else text
    if sha256(content.rpartition(f'"{CHECKSUM}"'.encode())[0]).hexdigest() != top.text(CHECKSUM, 64):
        raise BundleError(
            f"{where}: damaged or edited, its {CHECKSUM} is not that of its content; copy or export the bundle again"
        )


def _input(fields: Fields) -> InputRecord:
    kind = _one_of(fields, "kind", ("image", "table"))
    name, shape = fields.text("name", 100), _row_shape(fields, "shape")
    if kind == "table":
        columns = fields.texts("columns", 100_000)
        if shape != (len(columns),):
            fields.refuse("columns", f"are {len(columns)}, but the shape is {list(shape)}")
        return InputRecord(kind, name, shape, _one_of(fields, "dtype", ("float",)), columns=columns)
    if len(shape) != 3 or shape[2] not in (1, 3):
        fields.refuse("shape", f"is {list(shape)}; an image has [height, width, 1 or 3]")
    low, high = fields.number("low"), fields.number("high")
    if not 0 <= low < high <= 255:
        fields.refuse("high", f"is {high:g} with low {low:g}; needed is 0 <= low < high <= 255")
    return InputRecord(kind, name, shape, _one_of(fields, "dtype", ("uint8",)), low, high)


def _output(fields: Fields) -> OutputRecord:
    shape = _row_shape(fields, "shape")
    if len(shape) != 1:
        fields.refuse("shape", f"is {list(shape)}; an output row has one dimension")
    return OutputRecord(fields.text("name", 100), shape)


def _original(fields: Fields) -> Original:
    return Original(
        read_sha256(fields),
        fields.text("device"),
        fields.text("metric_name", 100),
        fields.optional_number("metric"),
    )


def _files(fields: Fields) -> dict[str, FileRecord]:
    found = {}
    for path in fields:
        if not is_safe_path(path) or path in (MANIFEST_NAME, SIGNATURE_NAME):
            fields.refuse(path[:80], "is not a file name that a bundle may hold")
        record = fields.fields(path)
        found[path] = FileRecord(read_sha256(record), record.integer("size_bytes", 0, MAX_FILE_BYTES))
    return found


def _variant(
    name: str, fields: Fields, files: Mapping[str, FileRecord], wanted: InputRecord, output: OutputRecord
) -> Variant:
    form, scheme = _one_of(fields, "format", FORMATS), fields.text("scheme", 40)
    if name != (form if form == "saved_model" else f"{form}-{scheme}"):
        fields.refuse(
            "scheme", f"is {scheme!r} with the format {form!r}, which does not fit the name {name[:80]!r}"
        )
    file = _path(fields, "file")
    if not (any(path.startswith(f"{file}/") for path in files) if form == "saved_model" else file in files):
        fields.refuse("file", f"names {file!r}, which is not among the files")
    tolerance = fields.fields("tolerance")
    limit = tolerance.number("max_abs_error")
    if limit < 0:
        tolerance.refuse("max_abs_error", "must not be negative")
    return Variant(
        name=name,
        format=form,
        scheme=scheme,
        file=file,
        engines=fields.texts("engines", 20),
        inputs=_tensor(fields.fields("inputs", 1), wanted.name, wanted.shape),
        outputs=_tensor(fields.fields("outputs", 1), output.name, output.shape),
        tolerance=Tolerance(limit, tolerance.text("reason")),
        converter=fields.text("converter"),
        recorded=_recorded(fields),
    )


def _recorded(fields: Fields) -> DriftLimits | None:
    if "recorded" not in fields or fields.value("recorded") is None:
        return None
    limits = fields.fields("recorded")
    most, usual = limits.number("max_abs_error"), limits.number("usual_abs_error")
    if not 0 <= usual <= most:
        limits.refuse("usual_abs_error", "must be from 0 to max_abs_error")
    return DriftLimits(most, usual, limits.text("reason"))


def _tensor(tensors: Fields, name: str, row_shape: tuple[int, ...]) -> dict[str, TensorSpec]:
    fields = tensors.fields(name)
    shape = fields.items("shape", 8)
    if shape != [None, *row_shape]:
        fields.refuse("shape", f"is {str(shape)[:80]}; expected null for the batch, then {list(row_shape)}")
    fields.optional_number("scale")
    if fields.value("zero_point") is not None:
        fields.integer("zero_point", -(1 << 31), 1 << 31)
    return {name: TensorSpec(_one_of(fields, "dtype", ("float32",)), (None, *row_shape))}


def _row_shape(fields: Fields, key: str) -> tuple[int, ...]:
    shape = fields.items(key, 4)
    size = 1
    for extent in shape:
        if type(extent) is not int or extent < 1:
            fields.refuse(key, "must hold whole numbers of at least 1")
        size *= extent
    if not shape or size > 1 << 28:
        fields.refuse(key, f"must have 1 to 4 dimensions and at most {1 << 28} elements")
    return tuple(shape)


def _one_of(fields: Fields, key: str, known: tuple[str, ...]) -> str:
    value = fields.text(key)
    if value not in known:
        fields.refuse(key, f"is {value[:80]!r}; known: {', '.join(known)}")
    return value


def _path(fields: Fields, key: str) -> str:
    path = fields.text(key, 255)
    if not is_safe_path(path):
        fields.refuse(key, f"is {path[:80]!r}, not a safe path inside the bundle")
    return path


def is_safe_path(path: str) -> bool:
    """Says whether a path stays inside the bundle on every system: no "..", no hidden, absolute or drive names."""
    segments = path.split("/")
    return (
        len(path) <= 255
        and len(segments) <= 8
        and all(
            segment and segment[0] not in ".-" and _PATH_CHARACTERS.issuperset(segment)
            for segment in segments
        )
    )


def read_sha256(fields: Fields, key: str = "sha256") -> str:
    """A SHA-256: 64 lower-case hex digits."""
    digest = fields.text(key, 64)
    if len(digest) != 64 or digest.strip("0123456789abcdef"):
        fields.refuse(key, "must be 64 lower-case hex digits")
    return digest
