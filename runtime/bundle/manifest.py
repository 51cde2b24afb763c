"""The records of manifest.json, the contract of a bundle; docs/bundle.md is its specification."""

from collections.abc import Mapping

from runtime.namedtuples import FastNamedTuple

MANIFEST_VERSION = 2
MANIFEST_NAME = "manifest.json"
SIGNATURE_NAME = "manifest.json.sig"
MAX_MANIFEST_BYTES = 4 << 20
MAX_FILE_BYTES = 2 << 30  # a flatbuffer and a protobuf both end there
FORMATS = ("saved_model", "tflite", "onnx")
KINDS = ("image", "table", "sequence", "text", "tensor")
TASKS = ("classification", "binary", "multilabel", "regression", "reconstruction", "tensor")
DIRECTIONS = ("higher", "lower")  # of a metric: which scores are better
RESIZES = ("stretch", "crop", "pad")
# What a tensor at the edge of a file may be. Float16 is only ever inside.
DTYPES = ("float32", "int32", "int64", "uint8", "bool")


class TensorSpec(FastNamedTuple):
    """One tensor of a signature; a None in `shape` is the batch."""

    dtype: str
    shape: tuple[int | None, ...]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape without the batch."""
        return tuple(extent for extent in self.shape if extent is not None)


class InputRecord(FastNamedTuple):
    """What `predict` takes for one input.

    Attributes:
        kind: one of KINDS.
        name: the name of the input in every variant.
        shape: the shape of one row, without the batch: [height, width, channels] of an image, [columns] of a table,
            [steps] or [steps, features] of a sequence, [words] of a text, anything of a tensor.
        dtype: of the raw values: "uint8" for an image; "float" for numbers of any real dtype in a table, and of any
            floating dtype in a sequence or tensor, which engines are given as float32; else one of DTYPES.
        low: the smallest value of a pixel or whole number; None where it is not limited.
        high: the largest value of a pixel or whole number; None where it is not limited.
        columns: the names of a table's columns; None for others.
        resize: how a picture of another size is brought to an image's: one of RESIZES; None for others.
        vocabulary: the file of the bundle with a text's words; None for others.
    """

    kind: str
    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float | None = None
    high: float | None = None
    columns: tuple[str, ...] | None = None
    resize: str | None = None
    vocabulary: str | None = None

    @property
    def tensor(self) -> TensorSpec:
        """The tensor that every variant takes for it."""
        dtype = "float32" if self.kind == "image" or self.dtype == "float" else self.dtype
        return TensorSpec(dtype, (None, *self.shape))


class OutputRecord(FastNamedTuple):
    """What `predict` returns for one output.

    Attributes:
        name: the name of the output in every variant.
        shape: the shape of one row, without the batch.
        task: what it means, one of TASKS.
        dtype: one of DTYPES.
        labels: the names of classes in the order of the last axis, for a classification or multilabel; those of the
            negative and the positive class for a binary; None for others.
        columns: the names of the values of a regression, one for each element of a row; None where they have none.
        units: their units, None for one that has none; None where no value has one.
        input: the name of the input that a reconstruction is compared with; None for others.
        scale: what that input is multiplied by to be in the scale of a reconstruction: one factor, or one for each
            element of the last axis; None where nothing is known.
        offset: what is then added, likewise.
    """

    name: str
    shape: tuple[int, ...]
    task: str
    dtype: str = "float32"
    labels: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    units: tuple[str | None, ...] | None = None
    input: str | None = None
    scale: tuple[float, ...] | None = None
    offset: tuple[float, ...] | None = None

    @property
    def tensor(self) -> TensorSpec:
        """The tensor that every variant gives for it."""
        return TensorSpec(self.dtype, (None, *self.shape))


class Score(FastNamedTuple):
    """The name and the value of a metric; the value is None where it was not measured.

    `better` is "higher" or "lower" for a metric of the user's own, which is computed at export alone; else None.
    """

    name: str
    value: float | None
    better: str | None = None


class OriginalRecord(FastNamedTuple):
    """The trained Keras model: SHA-256 of its file, the device it was trained on, its metric there by output."""

    sha256: str
    device: str
    metrics: Mapping[str, Score]


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

    Attributes:
        name: `<format>-<scheme>`, or "saved_model".
        format: one of FORMATS.
        scheme: such as "int8".
        file: its file in the bundle.
        engines: those it was verified on at export.
        inputs: its input tensors by name.
        outputs: its output tensors by name.
        tolerances: by output, the limit of its distance to the original.
        recorded: by output, the limits of its distance to its own answers at export; an output may be missing.
        converter: the package that wrote the file, and its version.
        notes: what was decided while it was built that a user should know, a sentence each.
    """

    name: str
    format: str
    scheme: str
    file: str
    engines: tuple[str, ...]
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    tolerances: Mapping[str, Tolerance]
    recorded: Mapping[str, DriftLimits]
    converter: str
    notes: tuple[str, ...] = ()


class Manifest(FastNamedTuple):
    """All that manifest.json says. `bundle_version` counts up, and is 0 where it was never set."""

    manifest_version: int
    producer: Mapping[str, str]
    model: str
    parameters: int
    inputs: Mapping[str, InputRecord]
    outputs: Mapping[str, OutputRecord]
    original: OriginalRecord
    golden: str
    files: Mapping[str, FileRecord]
    variants: Mapping[str, Variant]
    bundle_version: int = 0
