"""Golden samples: fixed inputs, the original's outputs, and each variant's own outputs at export."""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from io import BytesIO
from math import prod
from typing import Any

import numpy as np

from runtime.bundle.archive import Archive
from runtime.bundle.manifest import Manifest
from runtime.bundle.reader import Bundle
from runtime.errors import BundleError, first_line
from runtime.namedtuples import FastNamedTuple

# With the name of a variant behind it: the answers of that variant at export, on the first of its engines. With the
# variant, a slash and the name of an engine: its answers on that other engine.
RECORDED = "outputs/"
PROBED = "probes/"  # the same for the probes made of the golden inputs
CONTRACT = "contract"
_MAX_BYTES = 64 << 20
_MAX_ARRAYS = 1000


class Golden(FastNamedTuple):
    """The golden samples of a bundle.

    Attributes:
        inputs: raw inputs [n, …] as `predict` takes them.
        outputs: the original's answers to them, float32 [n, k].
        recorded: the variants' own answers to the inputs at export, float32 [n, k], by variant and engine.
        probed: the variants' own answers to the probes.
    """

    inputs: np.ndarray
    outputs: np.ndarray
    recorded: Mapping[str, np.ndarray]
    probed: Mapping[str, np.ndarray]

    def recordings(self, variant: str) -> list[np.ndarray]:
        """Returns a variant's answers to the inputs at export, float32 [n, k], one array for each of its engines."""
        return _of(self.recorded, variant)

    def probe_recordings(self, variant: str) -> list[np.ndarray]:
        """Returns a variant's answers to the probes at export, as `recordings` does for the inputs."""
        return _of(self.probed, variant)


def _of(answers: Mapping[str, np.ndarray], variant: str) -> list[np.ndarray]:
    return [found for name, found in answers.items() if _is_of(name, variant)]


def _is_of(name: str, variant: str) -> bool:
    return name == variant or name.startswith(f"{variant}/")


def read_golden(bundle: Bundle, variant: str | None = None) -> Golden:
    """Reads the golden samples of a bundle.

    Args:
        bundle: an open bundle.
        variant: the answers of other variants than this are not unpacked, which takes 0.3 ms instead of 1.6 at a cold
            start; None reads all.

    Raises:
        BundleError: the file is damaged, or does not fit the manifest.
    """
    name, manifest = bundle.manifest.golden, bundle.manifest
    where = f"{bundle.path / name}"

    def wanted(array: str) -> bool:
        kind, slash, of = array.partition("/")
        return variant is None or kind + slash not in (RECORDED, PROBED) or _is_of(of, variant)

    arrays = parse_arrays(bundle.read(name), where, wanted)
    missing = {"inputs", "outputs"} - set(arrays)
    if missing:
        raise BundleError(f"{where}: the array {min(missing)!r} is missing; export the bundle again")
    inputs, outputs = arrays["inputs"], arrays["outputs"]
    dtype = np.dtype(np.uint8 if manifest.input.kind == "image" else np.float32)
    if inputs.dtype != dtype or inputs.shape[1:] != manifest.input.shape or not len(inputs):
        raise BundleError(
            f"{where}: inputs are {inputs.dtype} {list(inputs.shape)}, not what the manifest says"
        )
    recorded, probed = (
        {key[len(kind) :]: array for key, array in arrays.items() if key.startswith(kind)}
        for kind in (RECORDED, PROBED)
    )
    for array in (outputs, *recorded.values(), *probed.values()):
        if array.dtype != np.float32 or array.shape != (len(inputs), *manifest.output.shape):
            raise BundleError(
                f"{where}: outputs are {array.dtype} {list(array.shape)}, not what the manifest says"
            )
    if CONTRACT in arrays and not np.array_equal(arrays[CONTRACT], contract_digest(manifest)):
        raise BundleError(
            f"{where}: recorded for other labels, another unit or other columns than the manifest names; "
            "export the bundle again"
        )
    return Golden(inputs, outputs, recorded, probed)


def contract_digest(manifest: Manifest) -> np.ndarray:
    """Returns the SHA-256 of all that `predict` promises besides its numbers, as uint8 [32]: labels, unit, columns …

    The golden samples hold it, so that a manifest in which two labels were swapped does not fit them. docs/bundle.md
    specifies the text that is hashed.
    """
    wanted, given = manifest.input, manifest.output
    low, high = (None if bound is None else float(bound) for bound in (wanted.low, wanted.high))
    values = (
        manifest.task, manifest.labels, manifest.unit,
        wanted.kind, wanted.name, wanted.shape, wanted.dtype, low, high, wanted.columns,
        given.name, given.shape,
    )  # fmt: skip
    text = json.dumps(values, separators=(",", ":"))
    return np.frombuffer(sha256(text.encode()).digest(), np.uint8)


def parse_arrays(
    content: bytes, where: str, wanted: Callable[[str], bool] = lambda array: True
) -> dict[str, np.ndarray]:
    """Reads arrays of plain numbers from the bytes of an .npz file; nothing is unpickled.

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
    file = BytesIO(content)
    npy: Any = np.lib.format
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"unknown .npy version {version}")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read_header(file)
    if dtype.kind not in "fiu":
        raise ValueError(f"an array of {dtype}")
    if any(extent < 0 for extent in shape) or len(content) - file.tell() != prod(shape) * dtype.itemsize:
        raise ValueError("an array whose size is not its shape's")
    array = np.frombuffer(content, dtype, offset=file.tell())
    return np.ascontiguousarray(array.reshape(shape[::-1]).T) if fortran else array.reshape(shape)
