"""What a Keras file records beside the model: the version that wrote it, and the loss of each output."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from export.trained.model_files.loaded import Loss

_SHORT = {
    "mse": "mean_squared_error", "mae": "mean_absolute_error", "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error", "bce": "binary_crossentropy", "kld": "kl_divergence",
    "huber_loss": "huber", "logcosh": "log_cosh",
}  # fmt: skip


@dataclass(frozen=True)
class Recorded:
    """The Keras version of the file, and its loss: one for all outputs, a list, or by output name."""

    keras_version: str | None
    loss: Any = None


def by_output(recorded: Any, outputs: list[str]) -> dict[str, Loss]:
    """The losses that the file records, by output name; an output without one is left out."""
    if isinstance(recorded, dict) and "class_name" not in recorded:
        named = {name: _loss(value) for name, value in recorded.items()}
        return {name: loss for name, loss in named.items() if loss is not None and name in outputs}
    each = recorded if isinstance(recorded, list) else [recorded] * len(outputs)
    found = {name: _loss(value) for name, value in zip(outputs, each, strict=False)}
    return {name: loss for name, loss in found.items() if loss is not None}


def _loss(recorded: Any) -> Loss | None:
    if isinstance(recorded, str):
        return Loss(_snake(recorded))
    if not isinstance(recorded, dict) or "class_name" not in recorded:
        return None
    inner = recorded.get("config")
    if isinstance(inner, str):  # a loss function
        return Loss(_snake(inner))
    inner = inner if isinstance(inner, dict) else {}
    if recorded["class_name"] == "LossFunctionWrapper":
        return _loss(inner.get("fn"))
    return Loss(_snake(str(recorded["class_name"])), bool(inner.get("from_logits", False)))


def _snake(name: str) -> str:
    name = name.rpartition(">")[2]
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("kldivergence", "kl_divergence")
    return _SHORT.get(name, name)
