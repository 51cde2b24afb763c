"""Runs the verified variants of a bundle on a device: standard library, numpy and one engine."""

from typing import TYPE_CHECKING, Any

from runtime.errors import (
    BundleError,
    DataError,
    EdgeProofError,
    EngineError,
    InputError,
    PackageError,
    ParityError,
    UsageError,
)
from runtime.version import __version__

if TYPE_CHECKING:
    from runtime.bundle.reader import read_manifest
    from runtime.loading import load
    from runtime.model import Model

__all__ = [
    "BundleError",
    "DataError",
    "EdgeProofError",
    "EngineError",
    "InputError",
    "Model",
    "PackageError",
    "ParityError",
    "UsageError",
    "__version__",
    "load",
    "read_manifest",
]


def __getattr__(name: str) -> Any:
    # What loads a model is imported when it is first asked for: `import runtime` itself costs next to nothing.
    if name == "load":
        from runtime.loading import load

        return load
    if name == "Model":
        from runtime.model import Model

        return Model
    if name == "read_manifest":
        from runtime.bundle.reader import read_manifest

        return read_manifest
    raise AttributeError(f"module 'runtime' has no attribute {name!r}")
