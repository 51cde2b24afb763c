"""Reads and writes manifest.json. It is read strictly, since a manifest may come from anywhere."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from runtime.bundle.manifest import (
    DIRECTIONS,
    MANIFEST_NAME,
    MANIFEST_VERSION,
    MAX_FILE_BYTES,
    MAX_MANIFEST_BYTES,
    SIGNATURE_NAME,
    FileRecord,
    InputRecord,
    Manifest,
    OriginalRecord,
    OutputRecord,
    Score,
    TensorSpec,
    Variant,
)
from runtime.bundle.signature_json import inputs_to_json, outputs_to_json, plain, read_inputs, read_outputs
from runtime.bundle.strict_json import Fields, is_safe_path, parse_object
from runtime.bundle.variant_json import (
    Signature,
    read_built,
    read_recorded,
    read_sha256,
    read_tensor,
    read_tolerance,
)
from runtime.errors import BundleError

CHECKSUM = "checksum"
MAX_TENSORS = 64


def to_json(manifest: Manifest) -> str:
    """Returns the text of manifest.json; raises BundleError where the reader would refuse it."""
    if manifest.manifest_version != MANIFEST_VERSION:
        raise BundleError(
            f"{MANIFEST_NAME}: 'manifest_version' is {manifest.manifest_version}; only version {MANIFEST_VERSION} is "
            "written: export the bundle again"
        )
    values = plain(manifest)
    values["inputs"] = inputs_to_json(manifest.inputs.values())
    values["outputs"] = outputs_to_json(manifest.outputs.values())
    for score in values["original"]["metrics"].values():
        if score["better"] is None:
            del score["better"]
    for name, variant in values["variants"].items():
        del variant["name"]  # it is the key already
        limits = {"tolerance": variant.pop("tolerances"), "recorded": variant.pop("recorded")}
        variant["outputs"] = {
            output: tensor | {key: found[output] for key, found in limits.items() if output in found}
            for output, tensor in variant["outputs"].items()
        }
        values["variants"][name] = {key: value for key, value in variant.items() if value != []}
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


def from_json(text: str | bytes, where: str = MANIFEST_NAME) -> Manifest:
    """Reads a manifest, of this version of the format or of version 1.

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
    if version not in (1, MANIFEST_VERSION):
        newer = "; install a newer edgeproof" if version > MANIFEST_VERSION else "; export the bundle again"
        raise BundleError(
            f"{where}: manifest version {version}, this edgeproof reads 1 and {MANIFEST_VERSION}{newer}"
        )
    _check_undamaged(top, text, where)
    producer = top.fields("producer")
    files = _files(top.fields("files", 10_000))
    golden = top.path("golden")
    if golden not in files:
        top.refuse("golden", f"names {golden!r}, which is not among the files")
    if version == 1:
        from runtime.bundle.version_1 import read_signature, read_variant
    else:
        read_signature, read_variant = _signature, _variant
    inputs, outputs, original = read_signature(top)
    for record in inputs.values():
        if record.vocabulary is not None and record.vocabulary not in files:
            top.refuse("inputs", f"name {record.vocabulary!r}, which is not among the files")
    records = top.fields("variants")
    return Manifest(
        manifest_version=version,
        producer={name: producer.text(name) for name in producer},
        model=top.text("model", 100),
        parameters=top.integer("parameters", 0, 1 << 50),
        inputs=inputs,
        outputs=outputs,
        original=original,
        golden=golden,
        files=files,
        variants={name: read_variant(name, records.fields(name), files, inputs, outputs) for name in records},
        bundle_version=top.integer("bundle_version", 0, 1 << 53) if "bundle_version" in top else 0,
    )


def _signature(top: Fields) -> Signature:
    inputs = read_inputs(top.fields("inputs", MAX_TENSORS))
    outputs = read_outputs(top.fields("outputs", MAX_TENSORS), inputs)
    original = top.fields("original")
    metrics = original.fields("metrics", MAX_TENSORS)
    found = {}
    for name in metrics:
        if name not in outputs:
            metrics.refuse(name, f"is no output; the outputs are {', '.join(outputs)}")
        score = metrics.fields(name)
        better = score.one_of("better", DIRECTIONS) if score.has("better") else None
        found[name] = Score(score.text("name", 100), score.optional_number("value"), better)
    return inputs, outputs, OriginalRecord(read_sha256(original), original.text("device"), found)


def _check_undamaged(top: Fields, text: str | bytes, where: str) -> None:
    # The checksum protects the digests of the other files. It finds damage, not malice: anyone can compute it anew.
    content = text.encode() if isinstance(text, str) else text
    if sha256(content.rpartition(f'"{CHECKSUM}"'.encode())[0]).hexdigest() != top.text(CHECKSUM, 64):
        raise BundleError(
            f"{where}: damaged or edited, its {CHECKSUM} is not that of its content; copy or export the bundle again"
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
    name: str,
    fields: Fields,
    files: Mapping[str, FileRecord],
    inputs: Mapping[str, InputRecord],
    outputs: Mapping[str, OutputRecord],
) -> Variant:
    variant = read_built(name, fields, files)
    given = _known(fields, "outputs", outputs)
    limits = {output: given.fields(output) for output in outputs}
    return variant._replace(
        inputs=_tensors(_known(fields, "inputs", inputs), inputs),
        outputs=_tensors(given, outputs),
        tolerances={output: read_tolerance(limits[output]) for output in outputs},
        recorded={
            output: read_recorded(limits[output]) for output in outputs if limits[output].has("recorded")
        },
        notes=fields.texts("notes", 1000) if fields.has("notes") else (),
    )


def _known(fields: Fields, side: str, records: Mapping[str, Any]) -> Fields:
    given = fields.fields(side, MAX_TENSORS)
    unknown = next((name for name in given if name not in records), None)
    if unknown is not None:
        fields.refuse(side, f"name {unknown[:80]!r}; the manifest's are {', '.join(records)}")
    return given


def _tensors(given: Fields, records: Mapping[str, InputRecord | OutputRecord]) -> dict[str, TensorSpec]:
    return {name: read_tensor(given.fields(name), record.tensor) for name, record in records.items()}
