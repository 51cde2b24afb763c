"""Which tensor holds the output of which call of a layer, kept beside the bundle as diagnosis/layers.json."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from data.original import Original
from export.diagnosis.layer_calls import layer_calls
from export.diagnosis.match import Match, match
from export.diagnosis.samples import distinguishing
from export.formats.inner_file import InnerFile
from export.trained.original_model import open_original
from runtime.atomic import write_file

FILE = "layers.json"
_VERSION = 1  # counts up where the map of the same files changes


class MappedCall(NamedTuple):
    """One call of a layer, without its values, and where it lies in a float32 file; see `LayerCall` and `Match`."""

    name: str
    kind: str
    parameters: int
    inputs: tuple[int, ...]
    match: Match


def layer_maps(
    original: Original, files: dict[str, tuple[bytes, InnerFile]], folder: Path
) -> dict[str, list[MappedCall]]:
    """The calls of the model's layers and where they lie, for each float32 file.

    The map that an earlier diagnosis wrote is used where it is of the same model and files; else it is made and
    written.

    Args:
        original: the trained model.
        files: by format, the content of the float32 file, and the file.
        folder: where layers.json lies.

    Raises:
        ModelError: the model is a SavedModel, or cannot be loaded.
    """
    made_from = {name: sha256(content).hexdigest() for name, (content, _) in files.items()}
    model = dict(original.record.sha256)
    kept = _read(folder / FILE, model)
    found = {
        name: kept[name]["calls"] for name in files if kept.get(name, {}).get("sha256") == made_from[name]
    }
    missing = {name: file for name, (_, file) in files.items() if name not in found}
    if missing:
        made = _made(original, missing)
        entries = kept | {
            name: {"sha256": made_from[name], "calls": [_as_json(call) for call in calls]}
            for name, calls in made.items()
        }
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"version": _VERSION, "model": model, "files": entries}, indent=1)
        write_file(folder / FILE, f"{text}\n".encode())
        return {
            name: made[name] if name in made else [_call(entry) for entry in found[name]] for name in files
        }
    return {name: [_call(entry) for entry in found[name]] for name in files}


def _made(original: Original, files: dict[str, InnerFile]) -> dict[str, list[MappedCall]]:
    model = open_original(original)
    feeds = model.edge(distinguishing(original))
    calls = layer_calls(model, feeds)
    found = {}
    for name, file in files.items():
        values = file.values(feeds, file.floats() | set(file.inputs.values()))
        matches = match(calls, file, values)
        found[name] = [
            MappedCall(call.name, call.kind, call.parameters, call.inputs, where)
            for call, where in zip(calls, matches, strict=True)
        ]
    return found


def _as_json(call: MappedCall) -> dict[str, Any]:
    return call._asdict() | {"match": call.match._asdict()}


def _call(entry: dict[str, Any]) -> MappedCall:
    where = Match(**entry["match"])
    return MappedCall(entry["name"], entry["kind"], entry["parameters"], tuple(entry["inputs"]), where)


def _read(path: Path, model: dict[str, str]) -> dict[str, Any]:
    """The entries by format; empty where there is no map, or it is of another model: it is then made anew."""
    try:
        content = json.loads(path.read_bytes())
        if content["version"] != _VERSION or content["model"] != model:
            return {}
        for entry in content["files"].values():
            for call in entry["calls"]:
                _call(call)
        return dict(content["files"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
