"""The command line of the export stage: what was asked for, the progress bar, the table at the end."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from data.original import Original, read_record
from data.trained_model import RECORD
from export import report, sign, targets
from export.run import fingerprint, pipeline, steps
from export.run.workers import Workers
from export.targets import Target
from export.trained.register import SUFFIXES, UserModel, register
from export.trained.samples import why_no_test_data
from export.trained.search import find_original, model_names, search_roots
from runtime.backends import engine_version
from runtime.command import as_called, columns
from runtime.errors import EdgeProofError, ModelError, UsageError
from runtime.measure.row import MeasuredRow

USAGE = """python -m export [options] MODEL [MODEL …]
       python -m export [options] all
       python -m export list
       python -m export keygen PRIVATE PUBLIC
       python -m export sign BUNDLE --key PRIVATE [--version N]"""
DESCRIPTION = """\
Export trained Keras models to SavedModel, TFLite and ONNX, verify every file
against the original on the engine it will run on, and pack what passed into
artifacts/<model>/bundle."""
MODELS = {
    "MODEL": "a trained model by its name, or a model of your own by the path of its .keras, .h5 or .hdf5 file",
    "all": "every trained model",
    "list": "print the trained models and the targets; builds nothing",
}
EPILOG = """examples:
  python -m export list
  python -m export all
  python -m export mnist-cnn --targets tflite-int8,onnx-int8
  python -m export my_model.keras --samples my_samples.npz --labels cat,dog

exit code: 0 when every row passed, 1 when one failed (the report says why), 2 for wrong usage"""


def parser() -> argparse.ArgumentParser:
    """The options of `python -m export`."""
    arguments = argparse.ArgumentParser(
        prog=as_called("python -m export"),
        usage=as_called(USAGE),
        description="\n\n".join(
            (
                DESCRIPTION,
                columns("what to export:", MODELS),
                columns("other commands (each has --help):", sign.COMMANDS),
            )
        ),
        epilog=as_called(EPILOG),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_argument("models", nargs="+", metavar="MODEL", help=argparse.SUPPRESS)
    arguments.add_argument("--targets", help=f"comma-separated; default: all of {', '.join(targets.TARGETS)}")
    arguments.add_argument(
        "--out", type=Path, default=Path("artifacts"), help="where bundles and the report go"
    )
    arguments.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        help="conversions at a time (default: the number of cores)",
    )
    arguments.add_argument(
        "--data-dir", help="folder with the datasets (default: $EDGEPROOF_DATA, cache, download)"
    )
    arguments.add_argument(
        "--samples", type=Path, metavar="FILE.npz",
        help="for a model of your own: raw arrays calibration, inputs and targets (accuracy, and the static schemes)",
    )  # fmt: skip
    arguments.add_argument("--labels", help="for a classifier of your own: its classes, comma-separated")
    arguments.add_argument("--unit", help="for a regressor of your own: the unit of its value")
    arguments.add_argument(
        "--pixels",
        choices=("0-255", "0-1"),
        help="for an image model of your own: the pixels it was trained on",
    )
    arguments.add_argument(
        "--custom-objects",
        action="append",
        metavar="MODULE:NAME",
        help="for a model of your own: a layer or function of your own code that it uses; may be given several times",
    )
    arguments.add_argument("--force", action="store_true", help="rebuild even if nothing changed")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code says whether all rows passed."""
    options = parser().parse_args(argv)
    chosen = targets.select(options.targets)
    if options.jobs < 1:
        raise UsageError(f"--jobs is {options.jobs}; give at least 1")
    roots = search_roots(options.out)
    if options.models == ["list"]:
        return _list(roots)
    console = Console(stderr=False, width=None if sys.stdout.isatty() else 160)
    began = time.monotonic()
    with Workers(options.jobs) as workers:
        originals = _originals(_registered(workers, options), roots)
        rows, same = _rows(workers, originals, chosen, options)
    every = [row for found in originals for row in rows[found.name]]
    report.write(every, options.out)
    report.show(every, console)
    failed = sum(row.status == "failed" for row in every)
    if same:
        console.print(f"nothing changed for {', '.join(same)} (--force rebuilds)", highlight=False)
    console.print(
        f"{len(every)} rows, {failed} failed; {options.out}/report.json, {options.out}/report.md; "
        f"{time.monotonic() - began:.0f} s",
        highlight=False,
    )
    return 1 if failed else 0


def _rows(
    workers: Workers, originals: list[Original], chosen: list[Target], options: argparse.Namespace
) -> tuple[dict[str, list[MeasuredRow]], list[str]]:
    """The rows of each model, by its name, and the names of those whose bundle is of an earlier run."""
    missing = {found.name: why_no_test_data(found, options.data_dir) for found in originals}
    rows: dict[str, list[MeasuredRow]] = {}
    if not options.force:
        for found in originals:
            same = fingerprint.unchanged(
                options.out / found.name / "bundle",
                fingerprint.digest(found, chosen, missing[found.name] is None),
            )
            if same is not None:
                rows[found.name] = same
    changed = [found for found in originals if found.name not in rows]
    if changed:
        with Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=Console(stderr=True), transient=True,
        ) as progress:  # fmt: skip
            bar = progress.add_task("starting workers", total=None)

            def tell(what: str, finished: int, total: int) -> None:
                progress.update(bar, description=f"{what:<42}", completed=finished, total=total)

            for done in pipeline.export(
                workers, changed, chosen, options.out, options.data_dir, missing, tell
            ):
                rows[done.original.name] = done.rows
    return rows, [found.name for found in originals if found not in changed]


def _originals(models: list[str], roots: list[Path]) -> list[Original]:
    chosen = model_names(roots) if models == ["all"] else list(dict.fromkeys(models))
    if not chosen:
        raise UsageError(
            f"no trained model in {', '.join(map(str, roots))}; train one: python -m train mnist-cnn"
        )
    return [find_original(name, roots) for name in chosen]


def _registered(workers: Workers, options: argparse.Namespace) -> list[str]:
    """The names of the models asked for; those given as a path are registered first, under the file's name."""
    paths = {Path(model): Path(model).stem for model in options.models if Path(model).suffix in SUFFIXES}
    given = [
        name
        for name in ("samples", "labels", "unit", "pixels", "custom_objects")
        if getattr(options, name) is not None
    ]
    if given and len(paths) != 1:
        raise UsageError(
            f"--{given[0].replace('_', '-')} is for one model given by its path, not for {', '.join(options.models)}"
        )
    labels = tuple(label.strip() for label in options.labels.split(",")) if options.labels else None
    wanted: list[steps.Step] = []
    for path, name in paths.items():
        same = [other for other in options.models if Path(other) != path and Path(other).stem == name]
        if same:
            raise UsageError(
                f"{path} and {same[0]} would both be called {name}; rename one, or export them one after the other "
                "to two folders (--out)"
            )
        _check_free(path, options.out / name)
        user_model = UserModel(
            path.resolve(),
            options.samples,
            labels,
            options.unit,
            options.pixels,
            tuple(options.custom_objects or ()),
        )
        wanted.append(
            steps.Step((name, "register"), "keras", register, steps.given(user_model, options.out / name))
        )
    outcomes = steps.run(workers, wanted, lambda step, outcome: None)
    for path, name in paths.items():
        outcome = outcomes[name, "register"]
        if isinstance(outcome.error, EdgeProofError):
            raise outcome.error
        if not outcome.ok:
            raise ModelError(f"{path} cannot be registered: {outcome.reason}")
    return [paths.get(Path(model), model) for model in options.models]


def _check_free(path: Path, folder: Path) -> None:
    """Refuse a path that is not there, or whose name belongs to a model that was trained here."""
    if not path.is_file():
        raise UsageError(
            f"{path} does not exist; give the path of a .keras file, or the name of a trained model"
        )
    if (folder / RECORD).exists() and read_record(folder).made_by_train:
        raise UsageError(
            f"{folder} holds the trained model {folder.name}; rename {path.name}, or give another --out"
        )


def _list(roots: list[Path]) -> int:
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print("[bold]models[/bold]")
    for name in model_names(roots):
        found = find_original(name, roots)
        record = found.record
        metric = "" if record.metric is None else f"{record.metric.name} {record.metric.value:.4g}"
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
