"""The command: python -m train list | table | MODEL… | all."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from runtime.command import run_command
from train import device, flags
from train.recipe import Recipe
from train.recipes import APPLICATIONS, ON_REQUEST, RECIPES, find


def main(argv: Sequence[str] | None = None) -> None:
    """Trains the models that the command line names."""
    arguments = flags.parse(argv)
    if arguments.models == ["list"]:
        _list()
        return
    if arguments.models == ["table"]:
        from train import table  # here, as importing `data` takes 0.3 s

        print(table.markdown(arguments.out))
        return
    names = list(RECIPES) if arguments.models == ["all"] else arguments.models
    # Every name and number is checked before the first of the trainings begins.
    recipes = {name: flags.apply(find(name), arguments) for name in names if name not in APPLICATIONS}
    for name in names:
        if name in recipes:
            _train(recipes[name], arguments)
        else:
            _save_application(name, arguments)


def _list() -> None:
    width = max(map(len, (*RECIPES, *ON_REQUEST, *APPLICATIONS)))
    for recipe in (*RECIPES.values(), *ON_REQUEST.values()):
        row = f"{recipe.model:{width}}  {recipe.dataset:18}  {recipe.architecture:12}  goal {recipe.goal:g}"
        print(row if recipe.model in RECIPES else f"{row}; not in 'all'")
    for name in APPLICATIONS:
        print(
            f"{name:{width}}  {'ImageNet':18}  keras.applications, its weights or seeded random ones; not in 'all'"
        )


def _save_application(name: str, arguments: argparse.Namespace) -> None:
    device.prepare()
    from train.applications import save

    saved = save(APPLICATIONS[name], arguments.seed, arguments.out / name)
    print(f"{name}: {saved.record.parameters:,} weights, {saved.record.weights}; in {saved.folder}")


def _train(recipe: Recipe, arguments: argparse.Namespace) -> None:
    import data

    # The data first: a missing dataset is told at once, not after the seconds that importing a backend takes.
    dataset = data.load(recipe.dataset, arguments.data_dir)
    device.prepare()
    from train import data_parallel
    from train.fit import Run, fit
    from train.pictures import pictures
    from train.save import save

    folder = arguments.out / recipe.model
    run = Run(
        seed=arguments.seed,
        state=folder / "checkpoint",
        resume=arguments.resume,
        csv_log=folder / "training.csv" if arguments.csv_log else None,
        tensorboard=arguments.tensorboard,
    )
    with data_parallel.scope(arguments.distribute):
        fitted = fit(recipe, dataset, run)
    metrics = save(recipe, dataset, fitted, arguments.seed, folder, pictures).record.metrics
    figures = ", ".join(
        f"{metric.name} {metric.value:.4f}{f' of {output}' if len(metrics) > 1 else ''}"
        for output, metric in metrics.items()
    )
    print(f"{recipe.model}: test {figures} (goal {recipe.goal:g}), in {folder}")


if __name__ == "__main__":
    raise SystemExit(run_command(main))
