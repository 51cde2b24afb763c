"""`predict`: answers for files, numbers and texts, in the words of each output's task."""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from runtime.commands.answers import Answer, as_json, in_words, rms_of
from runtime.commands.arguments import add_engine, add_json, new_parser, print_json, quiet_engines
from runtime.commands.files import KNOWN
from runtime.commands.inputs import Given, given_inputs
from runtime.errors import InputError, UsageError
from runtime.loading import load
from runtime.model import Model


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = new_parser(
        "predict",
        "Print the answers of a model: the most probable labels of a classifier, the values of a regressor, whatever "
        "its outputs mean. The inputs are files, numbers (--values) or texts (--text). Images, also those of a folder "
        "or .zip, are converted to the model's size and channels. A file is for all inputs; where "
        "there are several, it is an .npz with an array named after each, or each input has its own NAME=FILE.",
        "python -m runtime predict artifacts/mnist-cnn/bundle digit.png --invert",
    )
    made.add_argument("files", metavar="FILE", nargs="*", help=f"{KNOWN}; or NAME=FILE for one input")
    made.add_argument(
        "--values",
        metavar="NUMBERS",
        action="append",
        default=[],
        help="the numbers of one row, with spaces or commas between, such as '-8.3 41 6.9' or --values=-8.3,41,6.9; or "
        "NAME=NUMBERS for one input",
    )
    made.add_argument(
        "--text", metavar="TEXT", action="append", default=[], help="a text; or NAME=TEXT for one input"
    )
    made.add_argument("--variant", metavar="NAME", help="default: the first that runs here")
    add_engine(made, "the first that is installed")
    made.add_argument("--top", metavar="N", type=int, default=3, help="labels to print; default: 3")
    made.add_argument("--invert", action="store_true", help="for dark digits on a light ground")
    add_json(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Prints one line for each row, or for each output of it where there are several."""
    if args.top < 1:
        raise UsageError(f"--top is {args.top}; give at least 1")
    with quiet_engines():
        model = load(args.bundle, args.variant, args.engine, args.threads)
    lines: list[str] = []
    predictions: list[dict[str, Any]] = []
    for given in given_inputs(args.files, args.values, args.text, model.manifest.inputs, args.invert):
        for note in given.notes:
            print(f"note: {note}", file=sys.stderr)
        for source, row in _rows(model, given):
            if args.json:
                predictions.append({"source": source} | _as_json(row, args.top))
            else:
                lines += _in_words(source, row, args.top)
    if args.json:
        print_json({"variant": model.variant, "engine": model.engine, "predictions": predictions})
    else:
        print("\n".join(lines))
    return 0


def _rows(model: Model, given: Given) -> Iterator[tuple[str, list[Answer]]]:
    """For each row: where it came from, and the answer of each output."""
    count = given.rows
    try:
        outputs = model.answers(given.values)
    except InputError as error:
        raise InputError(f"{given.source}: {error}") from None
    inputs, records = model.manifest.inputs, model.manifest.outputs
    for index in range(count):
        source = given.source if count == 1 else f"{given.source}[{index}]"
        if given.names:
            source = given.names[index]
        row = []
        for name, record in records.items():
            compared = record.input and inputs[record.input]
            rms = (
                rms_of(outputs[name][index], given.values[compared.name][index], compared, record)
                if compared
                else None
            )
            row.append(Answer(record, outputs[name][index], rms))
        yield source, row


def _as_json(row: list[Answer], top: int) -> dict[str, Any]:
    """The answer itself where the model has one output, as in `predict` of Python; else by name."""
    if len(row) == 1:
        return as_json(row[0], top)
    return {"outputs": {answer.record.name: as_json(answer, top) for answer in row}}


def _in_words(source: str, row: list[Answer], top: int) -> list[str]:
    """A line for each output, with its name where there are several."""
    names = [f"{answer.record.name}: " if len(row) > 1 else "" for answer in row]
    return [f"{source}: {name}{in_words(answer, top)}" for name, answer in zip(names, row, strict=True)]
