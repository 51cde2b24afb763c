"""`predict`: answers for images, tables and arrays, as labels with probabilities or values with units."""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from runtime.commands.arguments import add_engine, add_json, new_parser, print_json, quiet_engines
from runtime.commands.files import KNOWN, read_inputs
from runtime.errors import UsageError
from runtime.loading import load
from runtime.model import Model


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = new_parser(
        "predict",
        "Print the answers of a model for files: the most probable labels of a classifier, the value of a regressor. "
        "Images are converted to the model's size and channels.",
        "python -m runtime predict artifacts/mnist-cnn/bundle digit.png --invert",
    )
    made.add_argument("files", metavar="FILE", nargs="+", type=Path, help=KNOWN)
    made.add_argument("--variant", metavar="NAME", help="default: the first that runs here")
    add_engine(made, "the first that is installed")
    made.add_argument("--top", metavar="N", type=int, default=3, help="labels to print; default: 3")
    made.add_argument("--invert", action="store_true", help="for dark digits on a light ground")
    add_json(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Prints one line for each row of each file."""
    if args.top < 1:
        raise UsageError(f"--top is {args.top}; give at least 1")
    with quiet_engines():
        model = load(args.bundle, args.variant, args.engine, args.threads)
    rows = []
    for path in args.files:
        inputs, notes = read_inputs(path, model.manifest.input, args.invert)
        for note in notes:
            print(f"note: {path}: {note}", file=sys.stderr)
        outputs = model.predict(inputs)
        for index, output in enumerate(outputs):
            source = str(path) if len(outputs) == 1 else f"{path}[{index}]"
            rows.append((source, output))
    if args.json:
        predictions = [_answer(model, source, output, args.top) for source, output in rows]
        print_json({"variant": model.variant, "engine": model.engine, "predictions": predictions})
    else:
        for source, output in rows:
            print(f"{source}: {_line(model, output, args.top)}")
    return 0


def _best(output: np.ndarray, top: int) -> list[int]:
    return [int(index) for index in np.argsort(-output, kind="stable")[:top]]


def _line(model: Model, output: np.ndarray, top: int) -> str:
    if model.labels:
        return ", ".join(f"{model.labels[index]} {output[index]:.2%}" for index in _best(output, top))
    values = " ".join(f"{value:.6g}" for value in output)
    return f"{values} ({model.unit})" if model.unit else values


def _answer(model: Model, source: str, output: np.ndarray, top: int) -> dict[str, Any]:
    if model.labels:
        best = _best(output, top)
        labels = [{"label": model.labels[index], "probability": float(output[index])} for index in best]
        return {"source": source, "labels": labels}
    return {"source": source, "values": output.tolist(), "unit": model.unit}
