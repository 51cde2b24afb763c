"""Runs in a child process: exports rows of the table to files, step by step, each step a job.

The step "keras" keeps the model's answers and makes the SavedModel; the others make the file of one target, by the same
converters as the export.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from bench.layers.jobs import serve
from bench.layers.page import MISSING
from bench.layers.row import Row
from runtime.errors import EdgeProofError


def step(job: dict[str, Any]) -> str | list[str] | dict[str, str]:
    """The notes of the converter; {"refused": why} where edgeproof says so; else what Keras or the converter says."""
    from bench.layers.rows import ROWS

    row = next(row for row in ROWS if row.name == job["row"])
    folder = Path(job["folder"])
    try:
        if job["step"] == "keras":
            return _keras(row, folder)
        return _target(job["step"], job["rung"], folder)
    except EdgeProofError as error:
        return {"refused": str(error)}
    except Exception as error:  # whatever a converter comes up with is the answer
        return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _keras(row: Row, folder: Path) -> list[str] | dict[str, str]:
    """The inputs and answers of each call, as "<call> <name>" in answers.npz; the record; the SavedModel; refusals."""
    import keras

    from data.trained_model import to_json
    from export.formats.saved_model import from_original
    from export.formats.tracing import exportable
    from export.formats.unsupported import refusals

    if not hasattr(keras.layers, row.layer):
        return {"refused": f"{MISSING} {keras.__version__}"}
    model = row.model()
    folder.mkdir(parents=True, exist_ok=True)
    refused = {form: "; ".join(refusals(model, form)) for form in ("tflite", "onnx")}
    if all(refused.values()) and refused_whole(row):
        return {"refused": refused["tflite"]}
    for form, reason in refused.items():
        (folder / f"refused.{form}").write_text(reason)
    original = _original(model, row)
    with exportable() if row.only_rewritten else nullcontext():
        _keep_answers(original, row, folder)
    (folder / "training.json").write_text(to_json(_record(original, model)))
    from_original(original, folder / "saved_model")
    return []


def refused_whole(row: Row) -> bool:
    """Whether the export has no SavedModel either: no device takes such an input, or the number of rows is fixed."""
    from export.trained.inputs import EDGE_DTYPES

    return any(values.dtype not in EDGE_DTYPES or values.batch is not None for values in row.inputs)


def _original(model: Any, row: Row) -> Any:
    """The model as `open_original` gives one from a file, without the way through a file."""
    from data.trained_model import Source
    from export.formats.tracing import exportable
    from export.trained.model_files.build import symbolic
    from export.trained.model_files.loaded import LoadedModel, Tensor
    from export.trained.original_model import OriginalModel
    from runtime.bundle.manifest import InputRecord, OutputRecord

    found = symbolic(model, row.shapes(), row.name)
    names = tuple(f"output_{place}" for place in range(1, len(found.outputs) + 1))
    serve = type(found)(found.model, found.inputs, names).serve
    inputs = _tensors(found.inputs, found.model.inputs)
    # What Keras says of an output's shape before it computes it is not always so.
    with exportable() if row.only_rewritten else nullcontext():
        answers = serve(_renamed(row.calls()[0], inputs))
    outputs = tuple(
        Tensor(name, str(answer.dtype.name), (None, *answer.shape[1:])) for name, answer in answers.items()
    )
    return OriginalModel(
        LoadedModel(Path(row.layer), inputs, outputs, serve, keras=found.model),
        tuple(
            InputRecord("tensor", end.name, _row_shape(end), "float" if _real(end.dtype) else end.dtype)
            for end in inputs
        ),
        tuple(
            OutputRecord(end.name, _row_shape(end), "tensor", "float32" if _real(end.dtype) else end.dtype)
            for end in outputs
        ),
        Source(),
    )


def _tensors(names: Sequence[str], symbols: Sequence[Any]) -> tuple[Any, ...]:
    from export.trained.model_files.loaded import Tensor

    return tuple(
        Tensor(name, str(symbol.dtype), tuple(symbol.shape))
        for name, symbol in zip(names, symbols, strict=True)
    )


def _row_shape(end: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in end.shape[1:])


def _real(dtype: str) -> bool:
    return "float" in dtype


def _record(original: Any, model: Any) -> Any:
    from data.trained_model import TrainedModel

    sha256 = dict.fromkeys(("model.keras", "golden.npz"), "0" * 64)
    return TrainedModel(
        "layer", original.inputs, original.outputs, {}, "cpu", model.count_params(), sha256=sha256
    )


def _keep_answers(original: Any, row: Row, folder: Path) -> None:
    arrays: dict[str, Any] = {}  # numpy 2.5 takes a dict of arrays for its own options
    for call, feed in enumerate(_renamed(feed, original.inputs) for feed in row.calls()):
        answers = original.serve(feed)
        arrays |= {f"{call} {name}": values for name, values in feed.items()}
        arrays |= {f"{call} {name}": np.asarray(answer) for name, answer in answers.items()}
    np.savez(folder / "answers.npz", **arrays)
    calibration: dict[str, Any] = _renamed(row.calibration(), original.inputs)
    np.savez(folder / "calibration.npz", **calibration)


def _renamed(feed: Mapping[str, np.ndarray], inputs: Sequence[Any]) -> dict[str, np.ndarray]:
    """The arrays under the names of the model's inputs: Keras calls the one before an Equalization "input_1CLONE"."""
    return {taken.name: values for taken, values in zip(inputs, feed.values(), strict=True)}


def _target(name: str, rung: int, folder: Path) -> list[str] | dict[str, str]:
    from data.trained_model import from_json
    from export.formats.format import Conversion
    from export.formats.table import FORMATS
    from export.targets import TARGETS

    target = TARGETS[name]
    form = FORMATS[target.format]
    refused = (folder / f"refused.{target.format}").read_text()
    if refused:
        return {"refused": refused}
    assert target.source is not None
    source = folder / f"{target.source}{FORMATS[TARGETS[target.source].format].suffix}"
    destination = file_of(name, rung, folder)
    record = from_json((folder / "training.json").read_bytes(), str(folder))
    ranges = None
    if target.calibrated:
        assert form.calibration is not None
        with np.load(folder / "calibration.npz") as samples:
            ranges = form.calibration.record_ranges(source, dict(samples))
    notes = form.converters[target.scheme](Conversion(source, destination, record, ranges, rung))
    if form.prove is not None:
        form.prove(destination, target.scheme)
    return list(notes)


def file_of(name: str, rung: int, folder: Path) -> Path:
    """Where the file of a target's rung lies."""
    from export.formats.table import FORMATS
    from export.targets import TARGETS

    return folder / f"{name}{f'-{rung}' if rung else ''}{FORMATS[TARGETS[name].format].suffix}"


if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    serve(step)
