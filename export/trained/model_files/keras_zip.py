"""Models in `.keras` files, of Keras 3 and of Keras 2.12 to 2.15: a zip of the configuration and the weights."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from export.trained.model_files import keras2
from export.trained.model_files.config import MODELS, Config, name_of
from export.trained.model_files.losses import Recorded

_CONFIG, _METADATA = "config.json", "metadata.json"


def read(path: Path) -> tuple[Config, Recorded]:
    """The model's configuration as Keras 3 writes it, and what else the file records.

    Raises:
        ModelError: Keras 3 has no word for something in it.
    """
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read(_CONFIG))
        version = str(json.loads(archive.read(_METADATA))["keras_version"])
    major = int(version.partition(".")[0])
    loss = (config.pop("compile_config", None) or {}).get("loss")
    return (config if major >= 3 else keras2.upgraded(config, major, path.name)), Recorded(version, loss)


def write(path: Path, config: Config, destination: Path) -> None:
    """The same file with another configuration."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(destination, "w") as copy:
        for name in source.namelist():
            if name == _CONFIG:
                copy.writestr(name, json.dumps(config))
                continue
            with source.open(name) as content, copy.open(name, "w", force_zip64=True) as place:
                shutil.copyfileobj(content, place)


def misplaced(model: Any, entry: Config) -> str | None:
    """The first layer that Keras put at another place than the file has it; None where all are where they were.

    Weights in the zip are matched by the layers' order, so another order could let two of one shape change places.
    """
    if entry["class_name"] not in MODELS:
        return None
    saved = {name_of(layer): layer for layer in entry["config"]["layers"]}
    built = {layer.name: layer for layer in model.layers}
    for expected, found in zip((name for name in saved if name in built), built, strict=True):
        if expected != found:
            return expected
    inner = (misplaced(layer, saved[name]) for name, layer in built.items() if name in saved)
    return next((name for name in inner if name), None)
