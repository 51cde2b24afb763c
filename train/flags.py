"""The command line of training: the choices that tutorials teach, each as a flag with Keras' own names."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runtime.command import as_called, columns
from runtime.errors import UsageError
from train.recipe import SCALINGS, SCHEDULES, Recipe

DEFAULT_SEED = 7

# Flags that replace a field of the recipe.
_WORDS = {
    "optimizer": "SGD, RMSprop, Adam, AdamW, Nadam, …; options as in Adam:beta_1=0.8",
    "loss": "mean_squared_error, huber, …; options as in Huber:delta=2",
    "activation": "relu, selu, tanh, … of the hidden layers",
    "initializer": "he_normal, lecun_normal, … of the kernels",
    "regularizer": "l2=0.01, l1=0.001, or both with a comma",
    "constraint": "max_norm, non_neg, unit_norm, …",
    "monitor": "the figure that best weights and early stopping go by",
    "stop_at": "stop at a wanted value, as in val_accuracy=0.9",
}
_NUMBERS: dict[str, tuple[type, str]] = {
    "learning_rate": (float, "the highest rate, if there is a schedule"),
    "momentum": (float, "of SGD and RMSprop"),
    "weight_decay": (float, "decoupled weight decay"),
    "clipnorm": (float, "clip each gradient to this norm"),
    "clipvalue": (float, "clip each gradient's elements to this value"),
    "label_smoothing": (float, "of the categorical cross-entropy"),
    "dropout": (float, "fraction dropped after each hidden layer, where the architecture has it"),
    "gaussian_dropout": (
        float,
        "noise after each hidden layer: this fraction's standard deviation in dropout",
    ),
    "epochs": (int, "at most so many"),
    "batch_size": (int, "samples per step"),
    "warmup_epochs": (int, "epochs in which the rate rises, before a cosine schedule"),
    "patience": (int, "early stopping: epochs without improvement"),
    "reduce_on_plateau": (int, "halve the rate after so many epochs without improvement"),
}
_COUNTS = ("epochs", "batch_size", "patience", "reduce_on_plateau")


USAGE = """python -m train [options] MODEL [MODEL …]
       python -m train [options] all
       python -m train list
       python -m train [--out OUT] table"""
MODELS = {
    "MODEL": "a model of the zoo by its name; several may be given",
    "all": "every model of the zoo but those that 'list' calls not in it",
    "list": "print the models there are; trains nothing",
    "table": "print the table of what was trained, as in docs/results.md; trains nothing",
}


def parser() -> argparse.ArgumentParser:
    """What `python -m train` takes."""
    parser = argparse.ArgumentParser(
        as_called("python -m train"),
        usage=as_called(USAGE),
        description="Train models of the zoo, a row of a table each.\n\n" + columns("what to train:", MODELS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("models", nargs="+", metavar="MODEL", help=argparse.SUPPRESS)
    parser.add_argument("--data-dir", type=Path, help="folder with the datasets (default: EDGEPROOF_DATA)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--out", type=Path, default=Path("artifacts"), help="folder for the models' folders")
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted training")
    parser.add_argument("--csv-log", action="store_true", help="write every epoch's figures to training.csv")
    parser.add_argument("--tensorboard", type=Path, metavar="DIR", help="write logs for TensorBoard")
    parser.add_argument("--distribute", action="store_true", help="data-parallel, over all devices")
    recipe = parser.add_argument_group("the recipe", "instead of what stands in the model's row")
    for name, text in _WORDS.items():
        recipe.add_argument(_flag(name), help=text)
    for name, (kind, text) in _NUMBERS.items():
        recipe.add_argument(_flag(name), type=kind, help=text)
    recipe.add_argument("--nesterov", action="store_true", default=None, help="Nesterov momentum")
    recipe.add_argument("--schedule", choices=SCHEDULES, help="how the learning rate falls")
    recipe.add_argument("--scaling", choices=SCALINGS, help="of the raw input, inside the model")
    recipe.add_argument("--metrics", nargs="+", help="Precision, Recall, FBetaScore:beta=2, …")
    recipe.add_argument("--no-augmentation", action="store_true", help="train on the raw inputs alone")
    return parser


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parses the command line; wrong usage ends the process with exit code 2, as argparse does."""
    return parser().parse_args(argv)


def apply(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    """The recipe, changed by what the flags say.

    Raises:
        UsageError: a number makes no sense.
    """
    given: dict[str, Any] = {
        name: getattr(arguments, name)
        for name in (*_WORDS, *_NUMBERS, "nesterov", "schedule", "scaling")
        if getattr(arguments, name) is not None
    }
    for name, value in given.items():
        if name in _COUNTS and value < 1:
            raise UsageError(f"{_flag(name)} {value}: give a whole number from 1")
        if name in _NUMBERS and value < 0:
            raise UsageError(f"{_flag(name)} {value}: give a number from 0")
    if arguments.metrics is not None:
        given["metrics"] = tuple(arguments.metrics)
    if arguments.no_augmentation:
        given["augmentation"] = ()
    return replace(recipe, **given)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
