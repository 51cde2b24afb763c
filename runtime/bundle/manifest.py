"""The records of manifest.json, the contract of a bundle; docs/bundle.md is its specification."""

from collections.abc import Mapping

from runtime.namedtuples import FastNamedTuple

MANIFEST_VERSION = 1
MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.json.sig"
MAX_MANIFEST_BYTES = 4 << 20
MAX_FILE_BYTES = 2 << 30  # a flatbuffer and a protobuf both end there
FORMATS = ("saved_model", "tflite", "onnx")
TASKS = ("classification", "regression")


class TensorSpec(FastNamedTuple):
    """One tensor of a signature; a None in `shape` is the batch."""

    dtype: str
    shape: tuple[int | None, ...]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape without the batch."""
        return tuple(extent for extent in self.shape if extent is not None)


class InputRecord(FastNamedTuple):
    """What `predict` takes.

    Attributes:
        kind: "image" or "table".
        name: the name of the input in every variant.
        shape: the shape of one row, without the batch.
        dtype: "uint8" for images; "float" for tables, which stands for any real dtype.
        low: the smallest value of a pixel; None for tables.
        high: the largest value of a pixel; None for tables.
        columns: the names of a table's columns; None for images.
    """

    kind: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float | None = None
    high: float | None = None
    columns: tuple[str, ...] | None = None


class OutputRecord(FastNamedTuple):
    """What `predict` returns: float32 rows of this shape."""

    name: str
    shape: tuple[int, ...]


class Original(FastNamedTuple):
    """The trained Keras model: SHA-256 of its file, the device it was trained on, its metric there."""

    sha256: str
    device: str
    metric_name: str
    metric: float | None


class FileRecord(FastNamedTuple):
    """SHA-256 (64 hex digits) and size of one file of the bundle."""

    sha256: str
    size_bytes: int


class Tolerance(FastNamedTuple):
    """How far outputs may be from the original's, in output units, and why that much."""

    max_abs_error: float
    reason: str


class DriftLimits(FastNamedTuple):
    """How far outputs may be from those that the same file gave at export.

    On another processor a value between two steps of a quantization may be rounded the other way, which moves a row.

    Attributes:
        max_abs_error: the limit for every row, in output units.
        usual_abs_error: the limit for all rows but one in 8, in output units.
        reason: why that much.
    """

    max_abs_error: float
    usual_abs_error: float
    reason: str


class Variant(FastNamedTuple):
    """One file built for one target, the engines it was verified on, and what it is held to.

    `tolerance` limits its distance to the original, `recorded` that to its own answers at export.
    """

    name: str
    format: str
    scheme: str
    file: str
    engines: tuple[str, ...]
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    tolerance: Tolerance
    converter: str
    recorded: DriftLimits | None = None


class Manifest(FastNamedTuple):
    """All that manifest.json says. `bundle_version` counts up, and is 0 where it was never set."""

    manifest_version: int
    producer: Mapping[str, str]
    model: str
    task: str
    labels: tuple[str, ...] | None
    unit: str | None
    parameters: int
    input: InputRecord
    output: OutputRecord
    original: Original
    golden: str
    files: Mapping[str, FileRecord]
    variants: Mapping[str, Variant]
    bundle_version: int = 0
