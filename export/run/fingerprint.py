"""One digest of everything that a bundle was made from: where it is equal, a second run would change nothing."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from data.original import Original
from data.trained_model import RECORD
from export.checks.gate import Demand
from export.checks.user_metric import UserMetric
from export.quantization import ranges
from export.targets import Target
from runtime.bundle import manifest_json
from runtime.bundle.manifest import MANIFEST_NAME
from runtime.errors import BundleError
from runtime.measure.row import REPORT, MeasuredRow, rows_from_json

FILES = (RECORD, ranges.FILE)  # the record names the hashes of the others
PACKAGES = (
    "ai-edge-litert", "keras", "litert-quantizer", "numpy", "onnx", "onnxruntime", "tensorflow", "tf2onnx",
    "tflite-runtime",
)  # fmt: skip


def digest(original: Original, targets: list[Target], data: bool, demand: Demand) -> str:
    """The digest of all that decides what a bundle holds; `data`: whether labelled samples are at hand."""
    root = Path(__file__).parents[2]
    code = sorted(
        path
        for package in ("data", "export", "runtime")
        for path in (root / package).rglob("*.py")
        if not path.is_relative_to(
            root / "export" / "page"
        )  # it says how a page looks, and is no part of a bundle
    )
    parts = {
        "model": {
            name: _sha256(original.folder / name) for name in FILES if (original.folder / name).exists()
        },
        "targets": [target.name for target in targets],
        "data": data,
        "metrics": {
            name: found.identity
            for name, found in original.record.metrics.items()
            if isinstance(found, UserMetric)
        },
        "demand": asdict(demand),
        "packages": {name: _version(name) for name in PACKAGES},
        "code": {str(path.relative_to(root)): _sha256(path) for path in code},
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def unchanged(folder: Path, state: str) -> list[MeasuredRow] | None:
    """The rows of an existing bundle, if it was made from this state, passed whole, and every file is intact."""
    try:
        manifest = manifest_json.from_json((folder / MANIFEST_NAME).read_bytes())
        if any(_sha256(folder / name) != record.sha256 for name, record in manifest.files.items()):
            return None
        content = (folder / REPORT).read_bytes()
        if json.loads(content)["state"] != state:
            return None
        rows = rows_from_json(content, str(folder / REPORT))
    except (OSError, BundleError, ValueError, KeyError, TypeError):
        return None  # whatever is wrong with it, it is built anew
    return rows if all(row.status != "failed" for row in rows) else None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
