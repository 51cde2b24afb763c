"""The device's wheel: the runtime as it is here, and the command `edgeproof`. The same files make the same bytes."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from pathlib import Path

import edgeproof
import runtime
from runtime.version import __version__

NAME = "edgeproof_runtime"
_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip knows
# https://packaging.python.org/specifications/binary-distribution-format/
_WHEEL = "Wheel-Version: 1.0\nGenerator: edgeproof\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_METADATA = (
    f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {__version__}\n"
    "Summary: Run bundles of edgeproof on a device: numpy and one engine.\n"
    "Requires-Python: >=3.10\nRequires-Dist: numpy>=1.24\n"
)
_SCRIPTS = "[console_scripts]\nedgeproof = edgeproof:run\n"


def file_name() -> str:
    """The wheel's name."""
    return f"{NAME}-{__version__}-py3-none-any.whl"


def content() -> bytes:
    """The wheel's bytes, as `make wheel` builds it but for the licence; no tool for building is needed."""
    package, command = Path(runtime.__file__).parent, Path(edgeproof.__file__)
    files = {"edgeproof.py": command.read_bytes()}
    for path in sorted(package.rglob("*.py")):
        files[f"runtime/{path.relative_to(package).as_posix()}"] = path.read_bytes()
    record = f"{NAME}-{__version__}.dist-info"
    files |= {
        f"{record}/METADATA": _METADATA.encode(),
        f"{record}/WHEEL": _WHEEL.encode(),
        f"{record}/entry_points.txt": _SCRIPTS.encode(),
        f"{record}/top_level.txt": b"edgeproof\nruntime\n",
    }
    lines = [f"{name},sha256={_digest(body)},{len(body)}\n" for name, body in files.items()]
    files[f"{record}/RECORD"] = "".join([*lines, f"{record}/RECORD,,\n"]).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, body)
    return packed.getvalue()


def _digest(body: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
