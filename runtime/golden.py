"""Golden samples: fixed inputs, the original's outputs, and each variant's own outputs at export."""

import zipfile
from collections.abc import Mapping
from io import BytesIO
from math import prod
from typing import Any, NamedTuple

import numpy as np

from runtime.bundle import Bundle
from runtime.errors import BundleError

RECORDED = "outputs/"  # + variant: what that variant itself answered when it was exported
_MAX_BYTES = 64 << 20
_MAX_ARRAYS = 1000


class Golden(NamedTuple):
    """`inputs` raw as `predict` takes them [n, …], `outputs` the original's float32 [n, k], `recorded` by variant."""

    inputs: np.ndarray
    outputs: np.ndarray
    recorded: Mapping[str, np.ndarray]


def read_golden(bundle: Bundle) -> Golden:
    """The golden samples of a bundle; BundleError where they do not fit its manifest."""
    name, manifest = bundle.manifest.golden, bundle.manifest
    where = f"{bundle.path / name}"
    arrays = parse_arrays(bundle.read(name), where)
    missing = {"inputs", "outputs"} - set(arrays)
    if missing:
        raise BundleError(f"{where}: the array {min(missing)!r} is missing; export the bundle again")
    inputs, outputs = arrays["inputs"], arrays["outputs"]
    dtype = np.dtype(np.uint8 if manifest.input.kind == "image" else np.float32)
    if inputs.dtype != dtype or inputs.shape[1:] != manifest.input.shape or not len(inputs):
        raise BundleError(
            f"{where}: inputs are {inputs.dtype} {list(inputs.shape)}, not what the manifest says"
        )
    recorded = {key[len(RECORDED) :]: array for key, array in arrays.items() if key.startswith(RECORDED)}
    for array in (outputs, *recorded.values()):
        if array.dtype != np.float32 or array.shape != (len(inputs), *manifest.output.shape):
            raise BundleError(
                f"{where}: outputs are {array.dtype} {list(array.shape)}, not what the manifest says"
            )
    return Golden(inputs, outputs, recorded)


def parse_arrays(content: bytes, where: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz from its bytes: plain numbers only, no pickle, sizes bounded before memory is taken."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > _MAX_ARRAYS or sum(member.file_size for member in members) > _MAX_BYTES:
                raise BundleError(
                    f"{where}: more than {_MAX_ARRAYS} arrays or {_MAX_BYTES} bytes when unpacked"
                )
            arrays = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name in arrays:
                    raise BundleError(f"{where}: the array {name[:80]!r} appears twice")
                # The size in a zip's directory is a claim; read() stops there and checks the CRC.
                arrays[name] = _parse_npy(archive.read(member))
            return arrays
    except BundleError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds on damaged bytes
        raise BundleError(f"{where}: not a sound .npz file ({error})") from None


def _parse_npy(content: bytes) -> np.ndarray:
    """One array from the bytes of an .npy file; ValueError where it is not one of plain numbers."""
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
