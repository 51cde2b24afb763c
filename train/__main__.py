"""The command: python -m train list | MODEL… | all."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runtime.errors import UsageError
from train import device
from train.recipes import RECIPES, Recipe, find

DEFAULT_SEED = 7


def main(argv: Sequence[str] | None = None) -> None:
    """Train the models that the command line names."""
    arguments = _parser().parse_args(argv)
    if arguments.models == ["list"]:
        _list()
        return
    names = list(RECIPES) if arguments.models == ["all"] else arguments.models
    recipes = [_with_flags(find(name), arguments) for name in names]
    for recipe in recipes:
        _train(recipe, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m train", description="Train models of the zoo.")
    parser.add_argument("models", nargs="+", metavar="MODEL", help="names of models, or 'all', or 'list'")
    parser.add_argument("--data-dir", type=Path, help="folder with the datasets (default: EDGEPROOF_DATA)")
    parser.add_argument("--epochs", type=int, help="at most so many epochs")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--out", type=Path, default=Path("artifacts"), help="folder for the models' folders")
    return parser


def _with_flags(recipe: Recipe, arguments: argparse.Namespace) -> Recipe:
    if arguments.epochs is None:
        return recipe
    if arguments.epochs < 1:
        raise UsageError(f"--epochs {arguments.epochs}: give a whole number from 1")
    return replace(recipe, epochs=arguments.epochs)


def _list() -> None:
    width = max(map(len, RECIPES))
    for recipe in RECIPES.values():
        print(f"{recipe.model:{width}}  {recipe.dataset:18}  {recipe.architecture:12}  goal {recipe.goal:g}")


def _train(recipe: Recipe, arguments: argparse.Namespace) -> None:
    import data

    # The data first: a missing dataset is told at once, not after the seconds that importing a backend takes.
    dataset = data.load(recipe.dataset, arguments.data_dir)
    device.prepare()
    from train.fit import fit
    from train.pictures import learning_curves
    from train.record import record

    folder = arguments.out / recipe.model
    trained = fit(recipe, dataset, arguments.seed, folder / "checkpoint")
    pictures = {"learning-curves.png": learning_curves(recipe.model, trained.history)}
    document = record(recipe, dataset, trained, arguments.seed, folder, pictures)
    figure = document["metric"]
    print(f"{recipe.model}: test {figure['name']} {figure['value']:.4f} (goal {recipe.goal:g}), in {folder}")


if __name__ == "__main__":
    from runtime.command import run_command

    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    raise SystemExit(run_command(main))
