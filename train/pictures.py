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
from data.dataset import Arrays
from runtime.bundle.manifest import OutputRecord
from runtime.measure.metric import decided

_COLUMNS, _ROWS = 8, 4


def pictures(
    name: str, model: keras.Model, history: dict[str, list[float]], dataset: Dataset, outputs: Arrays
) -> dict[str, bytes]:
    """Draws everything there is to see of one training.

    Args:
        name: the model's, for the titles.
        model: the trained model.
        history: the figures of every epoch by name.
        dataset: what it was trained on.
        outputs: the model's on the test split, float32 [n, …shape] by name.

    Returns:
        PNG bytes by file name.
    """
    drawn = {"learning-curves.png": _learning_curves(name, history), "model.png": _layers(name, model)}
    images = next(
        (dataset.test.inputs[taken.name] for taken in dataset.inputs if taken.kind == "image"), None
    )
    for output in dataset.outputs:
        targets, answers = dataset.test.targets.get(output.name), outputs[output.name]
        if targets is None:
            continue
        if output.task in ("classification", "binary"):
            said = decided(answers)
            drawn["confusion-matrix.png"] = _confusion_matrix(name, output, said, targets)
            if images is not None:
                drawn["samples.png"] = _samples(name, output, images, said, targets)
        elif output.task == "regression":
            drawn["predicted.png"] = _predicted(name, output, answers, targets)
        elif output.task == "reconstruction":
            drawn["rebuilt.png"] = _rebuilt(name, answers, targets)
    return drawn


def _learning_curves(title: str, history: dict[str, list[float]]) -> bytes:
    """Draws every figure against the epoch, training and validation in one panel."""
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


def _samples(
    title: str, output: OutputRecord, images: NDArray[Any], answers: NDArray[Any], truth: NDArray[Any]
) -> bytes:
    """Draws a grid of test images with what they are and what the model says; mistakes first and in red."""
    labels = output.labels or ()
    wrong, right = np.flatnonzero(answers != truth), np.flatnonzero(answers == truth)
    half = _COLUMNS * _ROWS // 2
    chosen = np.concatenate([wrong[:half], right[: _COLUMNS * _ROWS - len(wrong[:half])]])
    figure, axes = plt.subplots(_ROWS, _COLUMNS, figsize=(1.5 * _COLUMNS, 1.8 * _ROWS))
    for axis, index in zip(axes.flat, chosen, strict=False):
        axis.imshow(images[index].squeeze(), cmap="gray_r")
        said, meant = labels[answers[index]], labels[truth[index]]
        label = said if said == meant else f"{said}, is {meant}"
        axis.set_title(label, fontsize=7, color="black" if said == meant else "red")
    for axis in axes.flat:
        axis.axis("off")
    return _png(figure, title)


def _rebuilt(title: str, answers: NDArray[Any], truth: NDArray[Any]) -> bytes:
    """Draws test images, and below each what the model makes of it."""
    figure, axes = plt.subplots(_ROWS, _COLUMNS, figsize=(1.5 * _COLUMNS, 1.6 * _ROWS))
    for place, axis in enumerate(axes.flat):
        row, column = divmod(place, _COLUMNS)
        shown = (truth, answers)[row % 2][row // 2 * _COLUMNS + column]
        axis.imshow(shown.squeeze(), cmap="gray_r", vmin=0, vmax=1)
        axis.axis("off")
    return _png(figure, f"{title}, test split: the image, and below it what is rebuilt")


def _confusion_matrix(title: str, output: OutputRecord, answers: NDArray[Any], truth: NDArray[Any]) -> bytes:
    """Draws how often each class is taken for which."""
    labels = output.labels or ()
    count = len(labels)
    matrix = np.zeros((count, count), int)
    np.add.at(matrix, (truth, answers), 1)
    figure, axis = plt.subplots(figsize=(6, 5.6))
    axis.imshow(matrix / matrix.sum(axis=1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
    for true, said in np.ndindex(matrix.shape):
        shade = "white" if matrix[true, said] > matrix[true].sum() / 2 else "black"
        axis.text(said, true, str(matrix[true, said]), ha="center", va="center", fontsize=7, color=shade)
    axis.set_xticks(range(count), labels, rotation=60, ha="right", fontsize=8)
    axis.set_yticks(range(count), labels, fontsize=8)
    axis.set(xlabel="predicted", ylabel="true")
    return _png(figure, f"{title}, test split")


def _predicted(title: str, output: OutputRecord, answers: NDArray[Any], truth: NDArray[Any]) -> bytes:
    """Draws predicted against true values."""
    unit = (output.units or (None,))[0]
    shown = f" ({unit})" if unit else ""
    figure, axis = plt.subplots(figsize=(5, 5))
    axis.scatter(truth[:, 0], answers[:, 0], s=4, alpha=0.3)
    axis.axline((float(truth[:, 0].mean()),) * 2, slope=1, color="black", linewidth=0.8)
    axis.set(xlabel=f"true{shown}", ylabel=f"predicted{shown}")
    axis.grid(alpha=0.3)
    return _png(figure, f"{title}, test split")


def _layers(title: str, model: keras.Model) -> bytes:
    """Draws the model's layers from input to output, with output shape and number of weights."""
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
    output = keras.tree.flatten(layer.output)[0]
    return " × ".join("n" if size is None else str(size) for size in output.shape)


def _png(figure: plt.Figure, title: str) -> bytes:
    figure.suptitle(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80, bbox_inches="tight")
    plt.close(figure)
    return buffer.getvalue()
