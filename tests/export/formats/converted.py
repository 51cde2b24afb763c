"""A Keras model in the files of all targets, for tests of their ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.dataset import Arrays
from data.trained_model import TrainedModel
from export.formats import saved_model
from export.formats.format import Conversion
from export.formats.table import FORMATS
from export.targets import PLAIN, Target
from tests.export.formats.records import saved

BUILT = [target for target in PLAIN.values() if target.format != "saved_model"]
# How far answers may be off, as a fraction of the largest.
LIMITS = {"float32": 1e-5, "float16": 5e-3, "dynamic": 0.05, "int8": 0.1, "int16x8": 0.03}


def float32_files(model: Any, folder: Path) -> TrainedModel:
    """Writes a model's SavedModel and float32 files into a folder; its record."""
    trained, described = saved(model, folder)
    saved_model.float32(Conversion(trained, folder / "saved_model", described))
    for name in ("tflite", "onnx"):
        found = FORMATS[name]
        file = folder / f"{name}-float32{found.suffix}"
        found.converters["float32"](Conversion(folder / "saved_model", file, described))
    return described


def file_of(target: Target, folder: Path, described: TrainedModel, feeds: Arrays, place: Path) -> Path:
    """The proved file of a target, made in `place` of what `float32_files` has written; `feeds` calibrate it."""
    found = FORMATS[target.format]
    source = folder / f"{target.format}-float32{found.suffix}"
    file = source
    if target.scheme != "float32":
        file = place / f"{target.name}{found.suffix}"
        ranges = found.calibration.record_ranges(source, feeds) if target.calibrated else None
        found.converters[target.scheme](Conversion(source, file, described, ranges))
    found.prove(file, target.scheme)
    return file
