"""`compare`: size, metric, parity and latency of all variants on this device, and which file to ship."""

import argparse
from pathlib import Path

import numpy as np

from runtime.bundle.golden import read_golden
from runtime.bundle.manifest import Manifest
from runtime.bundle.reader import Bundle, open_bundle
from runtime.choose.rule import choose, ship_line
from runtime.commands.arguments import (
    add_engine,
    add_json,
    add_variants,
    new_parser,
    progress,
    quiet_engines,
)
from runtime.commands.bench import footnote
from runtime.commands.files import read_column, read_inputs, read_targets
from runtime.commands.table import aligned, kib
from runtime.errors import InputError, UsageError
from runtime.measure.latency import measure, single_calls
from runtime.measure.metric import metric, metric_text
from runtime.measure.row import MeasuredRow, read_report, rows_to_json
from runtime.verdicts import engines_here, judge, pairs_of, variants_of

Labelled = tuple[np.ndarray, np.ndarray]  # inputs and targets


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = new_parser(
        "compare",
        "Measure every variant on every engine of this device: file size, accuracy or RMSE on labelled data, parity "
        "with the original on the golden samples, latency; and say which file to ship. Exit code 1 where one fails.",
        "python -m runtime compare artifacts/mnist-cnn/bundle \\\n"
        "    --inputs t10k-images-idx3-ubyte.gz --targets t10k-labels-idx1-ubyte.gz",
    )
    made.add_argument("--inputs", metavar="FILE", type=Path, help="labelled data: .npy, .npz, .csv or IDX")
    made.add_argument("--targets", metavar="FILE", type=Path, help="its labels or values")
    made.add_argument(
        "--target-column", metavar="NAME", help="the column of the --inputs CSV with the targets"
    )
    add_variants(made)
    add_engine(made, "all that are installed")
    made.add_argument(
        "--calls", metavar="N", type=int, help="single calls of each; default: 1000, fewer if slow"
    )
    add_json(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Prints the table, the notes, and in the last line the choice."""
    bundle = open_bundle(args.bundle)
    labelled = _labelled(args, bundle.manifest)
    rows = _measured(args, bundle, labelled)
    choice = choose(rows)
    if args.json:
        row = choice.row
        ship = row and {"variant": row.variant, "engine": row.engine, "file": row.file}
        print(rows_to_json(rows, model=bundle.manifest.model, ship=ship, why=choice.why), end="")
    else:
        _print(bundle.manifest, rows, labelled)
        print(ship_line(choice))
    return 1 if choice.row is None or any(row.status == "failed" for row in rows) else 0


def _measured(args: argparse.Namespace, bundle: Bundle, labelled: Labelled | None) -> list[MeasuredRow]:
    """A row for each variant and engine; the metric is that of the bundle's report where no labelled data is given."""
    manifest = bundle.manifest
    engines = engines_here(args.engine)
    pairs = pairs_of(variants_of(manifest, args.variant), engines)
    golden = read_golden(bundle)
    recorded = {(row.variant, row.engine): row for row in read_report(bundle)}
    rows, calls = [], {}
    for number, (variant, engine) in enumerate(pairs, 1):
        progress(f"{variant.name} with {engine} ({number}/{len(pairs)})")
        with quiet_engines():
            row, model = judge(bundle, golden, variant, engine, engines[engine], args.threads)
            if labelled is None:
                row = row.with_metric_of(recorded.get((variant.name, engine)))
            elif model:
                inputs, targets = labelled
                score = metric(manifest.task, model.predict(inputs), targets)
                row = row._replace(metric=score, samples=len(inputs), split="given")
        if model:
            calls[f"{variant.name} {engine}"] = single_calls(model.predict, golden.inputs)
        rows.append(row)
    progress("measuring latencies")
    latencies = measure(calls, args.calls)
    progress("")
    return [
        row._replace(**latencies[key]._asdict())
        if (key := f"{row.variant} {row.engine}") in latencies
        else row
        for row in rows
    ]


def _labelled(args: argparse.Namespace, manifest: Manifest) -> Labelled | None:
    """The inputs and targets that were given, if any."""
    if args.inputs is None:
        if args.targets or args.target_column:
            raise UsageError("targets without --inputs; give both")
        return None
    if (args.targets is None) == (args.target_column is None):
        raise UsageError("give --inputs with either --targets FILE or --target-column NAME")
    inputs, _ = read_inputs(args.inputs, manifest.input)
    targets = (
        read_column(args.inputs, args.target_column) if args.target_column else read_targets(args.targets)
    )
    if len(inputs) != len(targets):
        raise InputError(f"{len(inputs)} inputs but {len(targets)} targets; they must belong together")
    return inputs, targets


def _print(manifest: Manifest, rows: list[MeasuredRow], labelled: Labelled | None) -> None:
    name = manifest.original.metric_name
    shown = [
        (
            row.variant,
            row.engine,
            row.status,
            "-" if row.size_bytes is None else kib(row.size_bytes),
            metric_text(name, row.metric),
            "-" if row.max_abs_error is None else f"{row.max_abs_error:.2g}",
            *("-" if value is None else f"{value:.1f}" for value in _latencies(row)),
        )
        for row in rows
    ]
    header = ("variant", "engine", "status", "KiB", name, "max error", "p50 µs", "p90 µs", "p99 µs")
    print(aligned(header, shown, right=(3, 4, 5, 6, 7, 8)))
    print()
    for row in rows:
        if row.reason:
            print(f"{row.status}: {row.variant} with {row.engine}: {row.reason}")
    before = metric_text(name, manifest.original.metric)
    if labelled:
        print(f"{name}: on {len(labelled[0])} rows; the original has {before} on its test split.")
    elif any(row.metric is not None for row in rows):
        print(
            f"{name}: measured at export on the test split, where the original has {before}; give --inputs and "
            "--targets to measure it here."
        )
    else:
        print(f"{name}: not measured: give --inputs and --targets; the original has {before}.")
    print("max error: against the original's outputs for the golden samples.")
    timed = [row for row in rows if row.calls]
    if timed:
        print(footnote(timed))


def _latencies(row: MeasuredRow) -> tuple[float | None, float | None, float | None]:
    return row.latency_us_p50, row.latency_us_p90, row.latency_us_p99
