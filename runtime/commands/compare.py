"""`compare`: size, metric, parity and latency of all variants on this device, and which file to ship."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from runtime.bundle.golden import read_golden
from runtime.bundle.manifest import Manifest
from runtime.bundle.reader import Bundle, open_bundle
from runtime.choose.rule import best
from runtime.commands.arguments import (
    add_engine,
    add_json,
    add_variants,
    new_parser,
    print_json,
    progress,
    quiet_engines,
)
from runtime.commands.bench import footnote
from runtime.commands.files import read_column, read_inputs, read_targets
from runtime.commands.table import aligned, kib
from runtime.errors import InputError, UsageError
from runtime.measure.latency import measure, single_calls
from runtime.measure.metric import metric
from runtime.verdicts import Verdict, engines_here, judge, pairs_of, variants_of


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
    manifest = bundle.manifest
    labelled = _labelled(args, manifest)
    engines = engines_here(args.engine)
    pairs = pairs_of(variants_of(manifest, args.variant), engines)
    golden = read_golden(bundle)
    rows, calls = [], {}
    for number, (variant, engine) in enumerate(pairs, 1):
        progress(f"{variant.name} with {engine} ({number}/{len(pairs)})")
        with quiet_engines():
            verdict = judge(bundle, golden, variant, engine, engines[engine], args.threads)
            rows.append(_row(bundle, verdict, labelled))
        if verdict.model:
            calls[f"{variant.name} {engine}"] = single_calls(verdict.model.predict, golden.inputs)
    progress("measuring latencies")
    latencies = measure(calls, args.calls)
    progress("")
    for row in rows:
        latency = latencies.get(f"{row['variant']} {row['engine']}")
        row.update(latency._asdict() if latency else dict.fromkeys(_LATENCY))
    chosen, why = best(rows)
    if args.json:
        ship = (
            {"variant": chosen["variant"], "engine": chosen["engine"], "file": chosen["file"]}
            if chosen
            else None
        )
        print_json({"rows": rows, "ship": ship, "why": why})
    else:
        _print(manifest, rows, labelled, args.threads)
        print(_choice(manifest, chosen, why))
    return 1 if chosen is None or any(row["status"] == "failed" for row in rows) else 0


_LATENCY = ("latency_us_p50", "latency_us_p90", "latency_us_p99", "calls")


def _labelled(args: argparse.Namespace, manifest: Manifest) -> tuple[np.ndarray, np.ndarray] | None:
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


def _row(bundle: Bundle, verdict: Verdict, labelled: tuple[np.ndarray, np.ndarray] | None) -> dict[str, Any]:
    manifest = bundle.manifest
    file = manifest.variants[verdict.variant].file
    found = verdict.agreement
    value = None
    if verdict.model and labelled:
        inputs, targets = labelled
        value = metric(manifest.task, verdict.model.predict(inputs), targets)
    return {
        "model": manifest.model,
        "variant": verdict.variant,
        "engine": verdict.engine,
        "status": verdict.status,
        "reason": verdict.reason or None,
        "file": file,
        "size_bytes": manifest.files[file].size_bytes,
        "metric_name": manifest.original.metric_name,
        "metric": value,
        "metric_original": manifest.original.metric,
        "max_abs_error": found.max_abs_error if found else None,
        "top1_agreement": found.top1_agreement if found else None,
    }


def _print(
    manifest: Manifest,
    rows: list[dict[str, Any]],
    labelled: tuple[np.ndarray, np.ndarray] | None,
    threads: int,
) -> None:
    original = manifest.original
    shown = [
        (
            row["variant"],
            row["engine"],
            row["status"],
            kib(row["size_bytes"]),
            metric_text(original.metric_name, row["metric"]),
            "-" if row["max_abs_error"] is None else f"{row['max_abs_error']:.2g}",
            *("-" if row[name] is None else f"{row[name]:.1f}" for name in _LATENCY[:3]),
        )
        for row in rows
    ]
    header = (
        "variant",
        "engine",
        "status",
        "KiB",
        original.metric_name,
        "max error",
        "p50 µs",
        "p90 µs",
        "p99 µs",
    )
    print(aligned(header, shown, right=(3, 4, 5, 6, 7, 8)))
    print()
    for row in rows:
        if row["reason"]:
            print(f"{row['status']}: {row['variant']} with {row['engine']}: {row['reason']}")
    before = metric_text(original.metric_name, original.metric)
    if labelled:
        print(
            f"{original.metric_name}: on {len(labelled[0])} rows; the original has {before} on its test split."
        )
    else:
        print(
            f"{original.metric_name}: not measured: give --inputs and --targets; the original has {before}."
        )
    print("max error: against the original's outputs for the golden samples.")
    timed = [row for row in rows if row["calls"]]
    if timed:
        print(footnote(timed[0]["calls"], threads, sorted({row["engine"] for row in timed})))


def _choice(manifest: Manifest, chosen: dict[str, Any] | None, why: str) -> str:
    if chosen is None:
        return f"Ship nothing: {why}."
    name = chosen["metric_name"]
    measured = (
        f"{name} {metric_text(name, chosen['metric'])}"
        if chosen["metric"] is not None
        else f"{name} not measured, largest error {chosen['max_abs_error']:.2g}"
    )
    return (
        f"Ship {chosen['file']} with {chosen['engine']}: {why} "
        f"({chosen['latency_us_p50']:.1f} µs, {kib(chosen['size_bytes'])} KiB, {measured})."
    )


def metric_text(name: str, value: float | None) -> str:
    """A metric as tables show it."""
    if value is None:
        return "-"
    return f"{value:.2%}" if name == "accuracy" else f"{value:.4f}"
