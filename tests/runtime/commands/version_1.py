"""Writes a bundle of one input and one output in version 1 of the format."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np

from runtime.bundle.manifest_json import with_checksum
from tests.bundles import npz


def in_version_1(bundle: Path) -> Path:
    """Rewrites the manifest and the golden samples of a bundle in place."""
    new = json.loads((bundle / "manifest.json").read_text())
    ((taken, given),) = new["inputs"].items()
    ((made, answer),) = new["outputs"].items()
    with np.load(bundle / new["golden"]) as arrays:
        renamed = {_renamed(name, taken, made): arrays[name] for name in arrays if name != "contract"}
    content = npz(**renamed)
    (bundle / new["golden"]).write_bytes(content)
    (score,) = new["original"]["metrics"].values()
    del given["resize" if given["kind"] == "image" else "dtype"]
    manifest = {
        "manifest_version": 1,
        "producer": new["producer"],
        "model": new["model"],
        "task": answer["task"],
        "labels": answer.get("labels"),
        "unit": answer.get("units", [None])[0],
        "parameters": new["parameters"],
        "input": {"dtype": "float", "low": None, "high": None, "columns": None} | given | {"name": taken},
        "output": {"name": made, "shape": answer["shape"]},
        "original": {
            "sha256": new["original"]["sha256"],
            "device": new["original"]["device"],
            "metric_name": score["name"],
            "metric": score["value"],
        },
        "golden": new["golden"],
        "files": new["files"]
        | {new["golden"]: {"sha256": sha256(content).hexdigest(), "size_bytes": len(content)}},
        "variants": {name: _variant(variant, made) for name, variant in new["variants"].items()},
    }
    (bundle / "manifest.json").write_text(with_checksum(manifest))
    return bundle


def _renamed(name: str, taken: str, made: str) -> str:
    group, _, rest = name.partition("/")
    if group in ("inputs", "outputs"):
        assert rest in (taken, made)
        return group
    variant, _, of = rest.partition("/")
    engine = of.removeprefix(made)
    return f"{'outputs' if group == 'recorded' else group}/{variant}{engine}"


def _variant(variant: dict, made: str) -> dict:
    limits = {key: variant["outputs"][made][key] for key in ("tolerance", "recorded")}
    unquantized = {"scale": None, "zero_point": None}
    tensors = {
        side: {
            name: {"dtype": tensor["dtype"], "shape": tensor["shape"]} | unquantized
            for name, tensor in variant[side].items()
        }
        for side in ("inputs", "outputs")
    }
    return variant | tensors | limits
