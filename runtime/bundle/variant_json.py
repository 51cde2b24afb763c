"""Reads what manifests of every version say of a variant: its name and file, its tensors, its limits."""

from collections.abc import Mapping

from runtime.bundle.manifest import (
    FORMATS,
    DriftLimits,
    FileRecord,
    InputRecord,
    OriginalRecord,
    OutputRecord,
    TensorSpec,
    Tolerance,
    Variant,
)
from runtime.bundle.strict_json import Fields

Signature = tuple[dict[str, InputRecord], dict[str, OutputRecord], OriginalRecord]


def read_sha256(fields: Fields, key: str = "sha256") -> str:
    """A SHA-256: 64 lower-case hex digits."""
    digest = fields.text(key, 64)
    if len(digest) != 64 or digest.strip("0123456789abcdef"):
        fields.refuse(key, "must be 64 lower-case hex digits")
    return digest


def read_built(name: str, fields: Fields, files: Mapping[str, FileRecord]) -> Variant:
    """What both versions of the format say of a variant alike; its tensors and limits are missing."""
    form, scheme = fields.one_of("format", FORMATS), fields.text("scheme", 40)
    # No slash: the name stands between slashes in the names of golden samples.
    if name != (form if form == "saved_model" else f"{form}-{scheme}") or "/" in name:
        fields.refuse(
            "scheme", f"is {scheme!r} with the format {form!r}, which does not fit the name {name[:80]!r}"
        )
    file = fields.path("file")
    if not (any(path.startswith(f"{file}/") for path in files) if form == "saved_model" else file in files):
        fields.refuse("file", f"names {file!r}, which is not among the files")
    engines, converter = fields.texts("engines", 20), fields.text("converter")
    return Variant(name, form, scheme, file, engines, {}, {}, {}, {}, converter)


def read_tensor(fields: Fields, expected: TensorSpec) -> TensorSpec:
    """One tensor of a variant, which follows from the input or output that it is for."""
    shape, dtype = fields.items("shape", 9), fields.text("dtype")
    if shape != list(expected.shape):
        wanted = list(expected.row_shape)
        fields.refuse("shape", f"is {str(shape)[:80]}; expected null for the batch, then {wanted}")
    if dtype != expected.dtype:
        fields.refuse("dtype", f"is {dtype[:80]!r}; expected {expected.dtype!r}")
    return expected


def read_tolerance(fields: Fields) -> Tolerance:
    """The `tolerance` of an object."""
    tolerance = fields.fields("tolerance")
    limit = tolerance.number("max_abs_error")
    if limit < 0:
        tolerance.refuse("max_abs_error", "must not be negative")
    return Tolerance(limit, tolerance.text("reason"))


def read_recorded(fields: Fields) -> DriftLimits:
    """The `recorded` of an object."""
    limits = fields.fields("recorded")
    most, usual = limits.number("max_abs_error"), limits.number("usual_abs_error")
    if not 0 <= usual <= most:
        limits.refuse("usual_abs_error", "must be from 0 to max_abs_error")
    return DriftLimits(most, usual, limits.text("reason"))
