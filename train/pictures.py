"""Pictures of a training, as PNG files."""

from __future__ import annotations

import io

import matplotlib

matplotlib.use("Agg")  # no window, also where there is no display

from matplotlib import pyplot as plt


def learning_curves(model_name: str, history: dict[str, list[float]]) -> bytes:
    """Draw every figure of the history against the epoch, training and validation in one panel; a PNG."""
    names = [name for name in history if not name.startswith("val_") and name != "learning_rate"]
    figure, axes = plt.subplots(1, len(names), figsize=(5 * len(names), 3.6), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        epochs = range(1, len(history[name]) + 1)
        axis.plot(epochs, history[name], label="training")
        if f"val_{name}" in history:
            axis.plot(epochs, history[f"val_{name}"], label="validation")
        axis.set_xlabel("epoch")
        axis.set_ylabel(name.replace("_", " "))
        axis.grid(alpha=0.3)
        axis.legend()
    figure.suptitle(model_name)
    return _png(figure)


def _png(figure: plt.Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()
