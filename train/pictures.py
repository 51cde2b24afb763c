"""Pictures of a training and of the trained model, as PNG files."""

from __future__ import annotations

import io
from typing import Any

import keras
import matplotlib
import numpy as np
from numpy.typing import NDArray

matplotlib.use("Agg")  # no window, also where there is no display

from matplotlib import pyplot as plt

from data import Dataset

_COLUMNS, _ROWS = 8, 4


def pictures(
    name: str,
    model: keras.Model,
    history: dict[str, list[float]],
    dataset: Dataset,
    outputs: NDArray[np.float32],
) -> dict[str, bytes]:
    """Draw everything there is to see of one training.

    Args:
        name: the model's, for the titles.
        model: the trained model.
        history: the figures of every epoch by name.
        dataset: what it was trained on.
        outputs: the model's on the test split, float32 [n, k].

    Returns:
        PNG bytes by file name.
    """
    drawn = {"learning-curves.png": _learning_curves(name, history), "model.png": _layers(name, model)}
    if dataset.task == "classification":
        drawn["confusion-matrix.png"] = _confusion_matrix(name, dataset, outputs)
    else:
        drawn["predicted.png"] = _predicted(name, dataset, outputs)
    if dataset.input.kind == "image":
        drawn["samples.png"] = _samples(name, dataset, outputs)
    return drawn


def _learning_curves(title: str, history: dict[str, list[float]]) -> bytes:
    """Draw every figure against the epoch, training and validation in one panel."""
    names = [name for name in history if not name.startswith("val_") and name != "learning_rate"]
    figure, axes = plt.subplots(1, len(names), figsize=(5 * len(names), 3.6), squeeze=False)
    for axis, name in zip(axes[0], names, strict=True):
        epochs = range(1, len(history[name]) + 1)
        axis.plot(epochs, history[name], label="training")
        if f"val_{name}" in history:
            axis.plot(epochs, history[f"val_{name}"], label="validation")
        axis.set(xlabel="epoch", ylabel=name.replace("_", " "))
        axis.grid(alpha=0.3)
        axis.legend()
    return _png(figure, title)


def _samples(title: str, dataset: Dataset, outputs: NDArray[np.float32]) -> bytes:
    """Draw a grid of test images with what they are and what the model says; mistakes first and in red."""
    assert dataset.labels is not None
    answers, truth = outputs.argmax(axis=1), dataset.test.targets
    wrong, right = np.flatnonzero(answers != truth), np.flatnonzero(answers == truth)
    half = _COLUMNS * _ROWS // 2
    chosen = np.concatenate([wrong[:half], right[: _COLUMNS * _ROWS - len(wrong[:half])]])
    figure, axes = plt.subplots(_ROWS, _COLUMNS, figsize=(1.5 * _COLUMNS, 1.8 * _ROWS))
    for axis, index in zip(axes.flat, chosen, strict=False):
        axis.imshow(dataset.test.inputs[index].squeeze(), cmap="gray_r")
        said, meant = dataset.labels[answers[index]], dataset.labels[truth[index]]
        label = said if said == meant else f"{said}, is {meant}"
        axis.set_title(label, fontsize=7, color="black" if said == meant else "red")
    for axis in axes.flat:
        axis.axis("off")
    return _png(figure, title)


def _confusion_matrix(title: str, dataset: Dataset, outputs: NDArray[np.float32]) -> bytes:
    """Draw how often each class is taken for which."""
    assert dataset.labels is not None
    count = len(dataset.labels)
    matrix = np.zeros((count, count), int)
    np.add.at(matrix, (dataset.test.targets, outputs.argmax(axis=1)), 1)
    figure, axis = plt.subplots(figsize=(6, 5.6))
    axis.imshow(matrix / matrix.sum(axis=1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
    for true, said in np.ndindex(matrix.shape):
        shade = "white" if matrix[true, said] > matrix[true].sum() / 2 else "black"
        axis.text(said, true, str(matrix[true, said]), ha="center", va="center", fontsize=7, color=shade)
    axis.set_xticks(range(count), dataset.labels, rotation=60, ha="right", fontsize=8)
    axis.set_yticks(range(count), dataset.labels, fontsize=8)
    axis.set(xlabel="predicted", ylabel="true")
    return _png(figure, f"{title}, test split")


def _predicted(title: str, dataset: Dataset, outputs: NDArray[np.float32]) -> bytes:
    """Draw predicted against true values."""
    truth = dataset.test.targets
    figure, axis = plt.subplots(figsize=(5, 5))
    axis.scatter(truth, outputs[:, 0], s=4, alpha=0.3)
    axis.axline((float(truth.mean()),) * 2, slope=1, color="black", linewidth=0.8)
    axis.set(xlabel=f"true ({dataset.unit})", ylabel=f"predicted ({dataset.unit})")
    axis.grid(alpha=0.3)
    return _png(figure, f"{title}, test split")


def _layers(title: str, model: keras.Model) -> bytes:
    """Draw the model's layers from input to output, with output shape and number of weights."""
    layers = model.layers
    figure, axis = plt.subplots(figsize=(4.6, 0.42 * len(layers) + 0.3))
    for place, layer in enumerate(layers):
        text = f"{type(layer).__name__}   {_shape(layer)}   {layer.count_params():,}"
        box: dict[str, Any] = {"boxstyle": "round", "facecolor": "#e8eef7", "edgecolor": "#5577aa"}
        axis.annotate(text, (0.5, -place), ha="center", va="center", fontsize=8, bbox=box)
        if place:
            arrow = {"arrowstyle": "->", "color": "#5577aa"}
            axis.annotate("", (0.5, -place + 0.3), (0.5, 0.7 - place), arrowprops=arrow)
    axis.set(xlim=(0, 1), ylim=(0.5 - len(layers), 0.5))
    axis.axis("off")
    return _png(figure, f"{title}: {model.count_params():,} weights")


def _shape(layer: keras.layers.Layer) -> str:
    output = layer.output[0] if isinstance(layer.output, list) else layer.output
    return " × ".join("n" if size is None else str(size) for size in output.shape)


def _png(figure: plt.Figure, title: str) -> bytes:
    figure.suptitle(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()
