"""Run in a child process: exports rows of the table to files, step by step, each step a job.

The step "keras" keeps the model's answers and makes the SavedModel; the others make one file from that.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.layers.jobs import serve
from bench.layers.page import MISSING
from bench.layers.row import Row


def step(job: dict[str, str]) -> str | None:
    """What Keras or the converter says against the row; None where it made what it should."""
    import keras

    from bench.layers.rows import ROWS

    row = next(row for row in ROWS if row.name == job["row"])
    if not hasattr(keras.layers, row.layer):
        return f"{MISSING} {keras.__version__}"
    try:
        return STEPS[job["step"]](row, Path(job["folder"]))
    except Exception as error:  # whatever a converter comes up with is the answer
        return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _keras(row: Row, folder: Path) -> str | None:
    """The inputs and answers of each call, as "<call> <name>" in answers.npz; the SavedModel; what is refused."""
    from export.formats.tracing import exportable
    from export.formats.unsupported import refusals

    model = row.model()
    folder.mkdir(parents=True)
    refused = {form: "; ".join(refusals(model, form)) for form in ("tflite", "onnx")}
    if all(refused.values()):
        return refused["tflite"]
    for form, reason in refused.items():
        (folder / f"refused.{form}").write_text(reason)
    if row.only_rewritten:
        with exportable():
            _keep_answers(model, row, folder)
    else:
        _keep_answers(model, row, folder)
    row.reset(model)
    _save(model, folder)
    return None


def _keep_answers(model: Any, row: Row, folder: Path) -> None:
    import keras

    arrays: dict[str, np.ndarray] = {}
    for call, feed in enumerate(row.calls()):
        answers = keras.tree.flatten(model(list(feed.values()), training=False))
        arrays |= {f"{call} {name}": values for name, values in feed.items()}
        arrays |= {f"{call} output_{place}": np.asarray(answer) for place, answer in enumerate(answers, 1)}
    np.savez(folder / "answers.npz", **arrays)


def _save(model: Any, folder: Path) -> None:
    import keras
    import tensorflow as tf

    from export.formats.tracing import exportable

    specs = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name) for tensor in model.inputs]

    def serve(*values: Any) -> dict[str, Any]:
        answers = keras.tree.flatten(model(list(values), training=False))
        # An output that is an input must become a tensor of its own.
        return {f"output_{place}": tf.identity(answer) for place, answer in enumerate(answers, 1)}

    archive = keras.export.ExportArchive()
    with exportable():
        archive.add_endpoint("serving_default", serve, input_signature=specs)
        archive.write_out(str(folder / "saved_model"), verbose=False)


def _tflite(row: Row, folder: Path) -> str | None:
    from export.formats import tflite
    from export.formats.format import Conversion

    refused = (folder / "refused.tflite").read_text()
    if refused:
        return refused
    target = folder / "model.tflite"
    tflite.float32(Conversion(folder / "saved_model", target, "", (), ""))
    tflite.prove(target, "float32")
    return None


def _onnx(row: Row, folder: Path) -> str | None:
    from export.formats import onnx, onnx_graph, onnxruntime
    from export.formats.tf2onnx import from_saved_model

    refused = (folder / "refused.onnx").read_text()
    if refused:
        return refused
    model = onnxruntime.simplified(from_saved_model(folder / "saved_model"))
    onnx_graph.name_by_position(model)
    onnx._save(model, folder / "model.onnx")
    onnx.prove(folder / "model.onnx", "float32")
    return None


STEPS: dict[str, Callable[[Row, Path], str | None]] = {"keras": _keras, "tflite": _tflite, "onnx": _onnx}

if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    serve(step)
