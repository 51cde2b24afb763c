"""The command: python -m export."""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from data.original import Original
from export import bundles, golden, report, report_files, targets
from export.checks import asked_metric
from export.checks.gate import Demand
from export.options import OF_ONE_MODEL, parse
from export.quantization import names
from export.run.pipeline import Tell
from export.run.workers import Workers
from export.trained import registering
from export.trained.search import find_original, model_names, search_roots
from export.trained.user_model import UserModel, named_lists, named_shapes, named_texts
from runtime.backends import engine_version
from runtime.errors import UsageError


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; the exit code says whether all rows passed."""
    options = parse(argv)
    chosen = targets.select(options.targets)
    _check_numbers(options)
    roots = search_roots(options.out)
    if options.models == ["list"]:
        return _list(roots)
    console = Console(stderr=False, width=None if sys.stdout.isatty() else 160)
    began = time.monotonic()
    order = bundles.Order(
        chosen,
        options.out,
        Demand(options.max_drop, options.strict, options.targets is not None, names.select(options.repairs)),
        options.data_dir,
        options.force,
        asked_metric.asked(options.metric),
    )
    users = _user_models(options)
    with Workers(options.jobs) as workers, _progress() as tell:
        for name, registered in registering.register_all(workers, users, options.out).items():
            for note in registered.notes:
                console.print(f"{name}: {note}", highlight=False, markup=False, soft_wrap=True)
        originals = _originals(_names(options.models, users), roots)
        made = bundles.make(workers, originals, order, tell)
    every = [row for found in originals for row in made.rows[found.name]]
    report_files.write(
        every, options.out, shlex.join(["python", "-m", "export", *(sys.argv[1:] if argv is None else argv)])
    )
    report.show(every, console)
    if unneeded := report.unneeded(every, chosen):
        console.print(unneeded, highlight=False)
    for name in made.rows:
        if remark := golden.remark(options.out / name / "bundle"):
            console.print(f"{name}: {remark}", highlight=False, markup=False, soft_wrap=True)
    failed = sum(row.status == "failed" for row in every)
    if made.unchanged:
        console.print(f"nothing changed for {', '.join(made.unchanged)} (--force rebuilds)", highlight=False)
    console.print(
        f"{len(every)} rows, {failed} failed; {options.out}/report.json, {options.out}/report.md, "
        f"{options.out}/report.html; "
        f"{time.monotonic() - began:.0f} s",
        highlight=False,
    )
    return 1 if failed else 0


def _check_numbers(options: argparse.Namespace) -> None:
    if options.jobs < 1:
        raise UsageError(f"--jobs is {options.jobs}; give at least 1")
    if options.max_drop is not None and not (math.isfinite(options.max_drop) and options.max_drop >= 0):
        raise UsageError(
            f"--max-drop is {options.max_drop:g}; give percentage points of accuracy, or percent of an error, from 0 on"
        )


@contextmanager
def _progress() -> Iterator[Tell]:
    """A bar on stderr, which is gone when all is done."""
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        console=Console(stderr=True), transient=True,
    ) as progress:  # fmt: skip
        bar = progress.add_task("starting workers", total=None)

        def tell(what: str, finished: int, total: int) -> None:
            progress.update(bar, description=f"{what:<42}", completed=finished, total=total)

        yield tell


def _originals(models: list[str], roots: list[Path]) -> list[Original]:
    chosen = model_names(roots) if models == ["all"] else list(dict.fromkeys(models))
    if not chosen:
        raise UsageError(
            f"no trained model in {', '.join(map(str, roots))}; train one: python -m train mnist-cnn"
        )
    return [find_original(name, roots) for name in chosen]


def _names(models: list[str], users: dict[str, UserModel]) -> list[str]:
    """The names of the models asked for; those given as a path have been registered under one."""
    by_path = {user.path: name for name, user in users.items()}
    return [
        by_path.get(Path(model).resolve(), model) if registering.is_path(model) else model for model in models
    ]


def _user_models(options: argparse.Namespace) -> dict[str, UserModel]:
    """The models given by their paths, by the names that they get.

    Raises:
        UsageError: a path is no model, two have one name, or an option for one model is given with several.
    """
    paths = [Path(model) for model in dict.fromkeys(options.models) if registering.is_path(model)]
    by_name = [model for model in options.models if not registering.is_path(model)]
    given = [name for name in OF_ONE_MODEL if getattr(options, name)]
    if given and len(paths) != 1:
        raise UsageError(
            f"--{given[0].replace('_', '-')} is for one model given by its path, not for {', '.join(options.models)}"
        )
    found: dict[str, UserModel] = {}
    for path in paths:
        name = options.name or registering.name_of(path)
        registering.check(path, name, options.out)
        other = found[name].path if name in found else name if name in by_name else None
        if other is not None:
            raise UsageError(
                f"{other} and {path} would both be called {name}; rename one with --name, or export them one after the "
                "other to two folders (--out)"
            )
        found[name] = _user_model(path.resolve(), options)
    return found


def _user_model(path: Path, options: argparse.Namespace) -> UserModel:
    resize = {} if options.resize is None else {"resize": options.resize}
    return UserModel(
        path,
        calibration=options.calibration,
        test=options.test,
        tasks=named_texts("--task", options.task),
        labels=named_lists("--labels", options.labels),
        units=named_lists("--unit", options.unit),
        pixels=named_texts("--pixels", options.pixels),
        shapes=named_shapes(options.shape),
        vocabularies={
            name: Path(file) for name, file in named_texts("--vocabulary", options.vocabulary).items()
        },
        target_columns=tuple(options.target_column),
        custom_objects=tuple(options.custom_objects),
        signature=options.signature,
        metrics=asked_metric.asked(options.metric),
        **resize,
    )


def _list(roots: list[Path]) -> int:
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print("[bold]models[/bold]")
    for name in model_names(roots):
        found = find_original(name, roots)
        record = found.record
        metric = ", ".join(f"{metric.name} {metric.value:.4g}" for metric in record.metrics.values())
        dataset = record.dataset.name if record.dataset else ""
        console.print(
            f"  {name:<28} {record.parameters:>12,} parameters   {metric:<20} {dataset}",
            highlight=False,
        )
    console.print("[bold]targets[/bold]")
    for target in targets.TARGETS.values():
        engines = ", ".join(
            engine if engine == "tensorflow" or engine_version(engine) else f"{engine} (not installed)"
            for engine in target.engines
        )
        console.print(f"  {target.name:<16} by {target.converter:<18} for {engines}", highlight=False)
    return 0
