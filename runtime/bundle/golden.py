"""Golden samples: fixed inputs, the original's outputs, and each variant's own outputs at export."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from math import prod
from typing import Any

import numpy as np

from runtime.bundle.archive import Archive
from runtime.bundle.manifest import InputRecord, Manifest, OutputRecord
from runtime.bundle.reader import Bundle
from runtime.errors import BundleError, first_line
from runtime.namedtuples import FastNamedTuple

INPUTS, OUTPUTS = "inputs/", "outputs/"  # with the name of an input or output behind it
# With the names of a variant and an output behind it, and a slash between them: the answers of that variant at export,
# on the first of its engines. With another slash and the name of an engine: its answers on that other engine.
RECORDED = "recorded/"
PROBED = "probes/"  # the same for the probes made of the golden inputs
CONTRACT = "contract"
_LATER_KEYS = ("scale", "offset")  # the text of bundles from before them has none
MOST_ROWS, MOST_KEPT = 32, 2048  # rows, and elements of an output's row
_MAX_BYTES = 64 << 20
_MAX_ARRAYS = 20_000


class Golden(FastNamedTuple):
    """The golden samples of a bundle; of outputs, what is `kept` of each row.

    Attributes:
        inputs: raw inputs [n, …] by name, as `predict` takes them.
        outputs: the original's answers to them by name, [n, …].
        recorded: the variants' own answers to the inputs at export, by "variant/output" and "variant/output/engine".
        probed: the variants' own answers to the probes, in the same way.
    """

    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    recorded: Mapping[str, np.ndarray]
    probed: Mapping[str, np.ndarray]

    def recordings(self, variant: str, output: str) -> list[np.ndarray]:
        """Returns a variant's answers to the inputs at export, [n, …], one array for each of its engines."""
        return _of(self.recorded, f"{variant}/{output}")

    def probe_recordings(self, variant: str, output: str) -> list[np.ndarray]:
        """Returns a variant's answers to the probes at export, as `recordings` does for the inputs."""
        return _of(self.probed, f"{variant}/{output}")


def _of(answers: Mapping[str, np.ndarray], first: str) -> list[np.ndarray]:
    return [found for name, found in answers.items() if name == first or name.startswith(f"{first}/")]


def kept(rows: np.ndarray) -> np.ndarray:
    """Returns the part of outputs [n, …] that a bundle keeps: whole rows, or at most 2,048 elements of each, [n, k].

    A row of e elements keeps every s-th in row-major order, beginning with the first; s is e / 2048, rounded up.
    """
    elements = prod(rows.shape[1:])
    return rows if elements <= MOST_KEPT else rows.reshape(len(rows), elements)[:, :: _stride(elements)]


def kept_shape(row_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of what is kept of a row."""
    elements = prod(row_shape)
    return row_shape if elements <= MOST_KEPT else (-(-elements // _stride(elements)),)


def _stride(elements: int) -> int:
    return -(-elements // MOST_KEPT)


def read_golden(bundle: Bundle, variant: str | None = None) -> Golden:
    """Reads the golden samples of a bundle.

    Args:
        bundle: an open bundle.
        variant: the answers of other variants than this are not unpacked, which takes 0.3 ms instead of 1.6 at a cold
            start; None reads all.

    Raises:
        BundleError: the file is damaged, or does not fit the manifest.
    """
    file, manifest = bundle.manifest.golden, bundle.manifest
    where = f"{bundle.path / file}"
    today: Callable[[str], str] = str
    if manifest.manifest_version == 1:
        from runtime.bundle.version_1 import array_name

        today = partial(array_name, manifest)

    def wanted(array: str) -> bool:
        group, slash, of = today(array).partition("/")
        return variant is None or group + slash not in (RECORDED, PROBED) or of.startswith(f"{variant}/")

    arrays = {today(name): array for name, array in parse_arrays(bundle.read(file), where, wanted).items()}
    if manifest.manifest_version == 1:  # large outputs were whole
        arrays = {name: array if name.startswith(INPUTS) else kept(array) for name, array in arrays.items()}
    golden = Golden(*({
        name[len(group) :]: array for name, array in arrays.items() if name.startswith(group)
    } for group in (INPUTS, OUTPUTS, RECORDED, PROBED)))  # fmt: skip
    _check_shapes(golden, manifest, where)
    if CONTRACT in arrays and arrays[CONTRACT].tobytes() != contract_digest(manifest).tobytes():
        raise BundleError(
            f"{where}: recorded for other labels, other units or other columns than the manifest names; "
            "export the bundle again"
        )
    return golden


def _check_shapes(golden: Golden, manifest: Manifest, where: str) -> None:
    first = next(iter(golden.inputs.values()), None)
    rows = len(first) if first is not None and first.ndim else 0
    for name, record in manifest.inputs.items():
        dtype = "uint8" if record.kind == "image" else record.tensor.dtype
        _check(golden.inputs, name, dtype, (rows, *record.shape), f"{where}: {INPUTS}")
    for name, given in manifest.outputs.items():
        shape = rows, *kept_shape(given.shape)
        _check(golden.outputs, name, given.dtype, shape, f"{where}: {OUTPUTS}")
        for group, answers in ((RECORDED, golden.recorded), (PROBED, golden.probed)):
            for key in answers:
                if key.split("/")[1:2] == [name]:
                    _check(answers, key, given.dtype, shape, f"{where}: {group}")
    # The first version had no largest number of rows.
    if not rows or (rows > MOST_ROWS and manifest.manifest_version > 1):
        raise BundleError(f"{where}: {rows} golden samples; there must be 1 to {MOST_ROWS}")


def _check(
    arrays: Mapping[str, np.ndarray], name: str, dtype: str, shape: tuple[int, ...], where: str
) -> None:
    array = arrays.get(name)
    if array is None:
        raise BundleError(f"{where}{name} is missing; export the bundle again")
    if array.dtype != dtype or array.shape != shape:
        raise BundleError(
            f"{where}{name} is {array.dtype} {list(array.shape)}, the manifest says {dtype} {list(shape)}"
        )


def contract_digest(manifest: Manifest) -> np.ndarray:
    """Returns the SHA-256 of all that `predict` promises besides its numbers, as uint8 [32]: labels, units, columns …

    The golden samples hold it, so that a manifest in which two labels were swapped does not fit them. docs/bundle.md
    specifies the text that is hashed.
    """
    if manifest.manifest_version == 1:
        from runtime.bundle.version_1 import contract_text

        text = contract_text(manifest)
    else:
        values = {
            side: {name: _without_name(record) for name, record in records.items()}
            for side, records in (("inputs", manifest.inputs), ("outputs", manifest.outputs))
        }
        text = json.dumps(values, separators=(",", ":"), sort_keys=True)
    return np.frombuffer(sha256(text.encode()).digest(), np.uint8)


def _without_name(record: InputRecord | OutputRecord) -> dict[str, Any]:
    """All values of a record by name; bounds are floats, whatever number was written."""
    return {
        key: float(value) if key in ("low", "high") and value is not None else value
        for key, value in record._asdict().items()
        if key != "name" and not (key in _LATER_KEYS and value is None)
    }


def parse_arrays(
    content: bytes, where: str, wanted: Callable[[str], bool] = lambda array: True
) -> dict[str, np.ndarray]:
    """Reads arrays of plain numbers or bool from the bytes of an .npz file; nothing is unpickled.

    Args:
        content: the file.
        where: its name, for errors.
        wanted: says by its name whether an array is unpacked.

    Raises:
        BundleError: the file is damaged, holds something else than numbers, or is too large when unpacked, which is
            known before memory is taken.
    """
    archive = Archive(
        lambda at, size: content[at : at + size], len(content), where, _MAX_ARRAYS, deflated=True
    )
    if sum(member.size_bytes for member in archive.members.values()) > _MAX_BYTES:
        raise archive.broken(f"more than {_MAX_BYTES} bytes when unpacked")
    try:
        names = {_array_name(member): member for member in archive.members}
        return {array: _parse_npy(archive.read(member)) for array, member in names.items() if wanted(array)}
    except BundleError:
        raise
    except Exception as error:  # numpy raises a dozen kinds on damaged headers
        raise BundleError(f"{where}: not a sound .npz file ({first_line(error)})") from None


def _array_name(member: str) -> str:
    if not member.endswith(".npy"):
        raise ValueError(f"the member {member[:80]!r} is no array")
    return member[: -len(".npy")]


def _parse_npy(content: bytes) -> np.ndarray:
    """Returns the array in the bytes of an .npy file; raises ValueError where it is not one of plain numbers."""
    width = {b"\x93NUMPY\x01\x00": 2, b"\x93NUMPY\x02\x00": 4}.get(content[:8])
    if width is None:
        raise ValueError("no magic string of an .npy file")
    start = 8 + width
    end = start + int.from_bytes(content[8:start], "little")
    # The header is a Python literal, which numpy compiles: 0.1 ms for the first and 0.02 for each other.
    text = content[start:end].decode("ascii")
    for python, plain in (
        ("'", '"'),
        ("(", "["),
        (")", "]"),
        ("False", "false"),
        ("True", "true"),
        (",]", "]"),
    ):
        text = text.replace(python, plain)
    header = json.loads(text.replace(", }", "}"))
    dtype, fortran, shape = np.dtype(header["descr"]), header["fortran_order"], header["shape"]
    if dtype.kind not in "fiub":
        raise ValueError(f"an array of {dtype}")
    sound = all(type(extent) is int and extent >= 0 for extent in shape)
    if not sound or len(content) - end != prod(shape) * dtype.itemsize:
        raise ValueError("an array whose size is not its shape's")
    array = np.frombuffer(content, dtype, offset=end)
    return np.ascontiguousarray(array.reshape(shape[::-1]).T) if fortran else array.reshape(shape)
