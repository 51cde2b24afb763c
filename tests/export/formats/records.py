"""Records of trained models, for tests of the formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.trained_model import Source, TrainedModel
from runtime.bundle.manifest import InputRecord, OutputRecord


def record(
    inputs: list[InputRecord], outputs: list[OutputRecord], source: Source | None = None
) -> TrainedModel:
    """A record with these ends."""
    return TrainedModel("model", tuple(inputs), tuple(outputs), {}, "a cpu", 1, source or Source())


def tensors(inputs: dict[str, tuple[int, ...]], outputs: dict[str, tuple[int, ...]]) -> TrainedModel:
    """A record of float tensors by name."""
    return record(
        [InputRecord("tensor", name, shape, "float") for name, shape in inputs.items()],
        [OutputRecord(name, shape, "tensor") for name, shape in outputs.items()],
    )


def saved(model: Any, folder: Path) -> tuple[Path, TrainedModel]:
    """A Keras model saved as a trained model's folder holds it, and its record under the model's own names."""
    from export.trained.inputs import EDGE_DTYPES
    from export.trained.model_files.load import load

    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.keras")
    loaded = load(folder / "model.keras")
    return folder, record(
        [
            InputRecord(
                "tensor",
                end.name,
                end.shape[1:],
                "float" if "float" in end.dtype else EDGE_DTYPES[end.dtype],
            )
            for end in loaded.inputs
        ],
        [OutputRecord(end.name, end.shape[1:], "tensor", EDGE_DTYPES[end.dtype]) for end in loaded.outputs],
    )
