"""`compare`: size, metric, parity and latency of all variants on this device, and which file to ship."""

import argparse
from collections.abc import Callable
from typing import Any

from runtime.bundle.golden import read_golden
from runtime.bundle.manifest import Manifest, Score
from runtime.bundle.reader import Bundle, open_bundle
from runtime.choose.constraints import HELP, parse_limits
from runtime.choose.rule import DEFAULT_LIMITS, choose, ship_line
from runtime.commands.arguments import (
    add_engine,
    add_json,
    add_memory,
    add_variants,
    new_parser,
    progress,
    quiet_engines,
)
from runtime.commands.bench import footnote
from runtime.commands.conditions import notes as condition_notes
from runtime.commands.conditions import under
from runtime.commands.reported import with_reported_metric
from runtime.commands.scores import computable, references, scored, with_reference, worst
from runtime.commands.table import aligned, kib
from runtime.commands.targets import Labelled, add_labelled, read_labelled
from runtime.measure.energy import energy_mj
from runtime.measure.latency import measure, single_calls
from runtime.measure.memory import peak_rss_mib
from runtime.measure.metric import metric_name, metric_text
from runtime.measure.row import MeasuredRow, read_report, rows_to_json
from runtime.measure.watch import Watch
from runtime.verdicts import engines_here, pairs_of, variants_of, verify


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = new_parser(
        "compare",
        "Measure every variant on every engine of this device: file size, the metric on labelled data, parity "
        "with the original on the golden samples, latency, memory; and say which file to ship. Exit code 1 where one "
        "fails.",
        "python -m runtime compare artifacts/mnist-cnn/bundle \\\n"
        "    --inputs t10k-images-idx3-ubyte.gz --targets t10k-labels-idx1-ubyte.gz",
    )
    add_labelled(made)
    add_variants(made)
    add_engine(made, "all that are installed", sweep=True)
    add_memory(made)
    made.add_argument(
        "--calls", metavar="N", type=int, help="single calls of each; default: 1000, fewer if slow"
    )
    made.add_argument("--constraints", metavar="LIMITS", help=HELP)
    add_json(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Prints the table, the notes, and in the last line the choice."""
    limits = DEFAULT_LIMITS if args.constraints is None else parse_limits(args.constraints)
    bundle = open_bundle(args.bundle)
    manifest = bundle.manifest
    labelled = computable(read_labelled(args, manifest), manifest)
    candidates, calls = _measured(args, bundle, labelled)
    known = references((row for rows in candidates for row in rows), manifest) if labelled else {}
    rows = _timed([worst(rows, known) for rows in candidates], calls, args.calls)
    choice = choose([with_reference(row, known) for row in rows], limits)
    metrics = [{row.output: row.metric for row in rows} for rows in candidates]
    if args.json:
        row = choice.row
        ship = row and {name: getattr(row, name) for name in ("variant", "engine", "threads", "file")}
        beside: dict[str, Any] = {"model": manifest.model, "ship": ship, "why": choice.why}
        if labelled and len(labelled.targets) > 1:
            beside["metrics"] = [
                {"variant": row.variant, "engine": row.engine, "metrics": found}
                for row, found in zip(rows, metrics, strict=True)
                if row.split == "given"
            ]
        print(rows_to_json(rows, **beside), end="")
    else:
        _print(manifest, rows, labelled, metrics)
        print(ship_line(choice))
    return 1 if choice.row is None or any(row.status == "failed" for row in rows) else 0


def _measured(
    args: argparse.Namespace, bundle: Bundle, labelled: Labelled | None
) -> tuple[list[list[MeasuredRow]], dict[str, Callable[[], object]]]:
    """For each variant and engine a row, or on labelled data one for each output; and the calls to time.

    Where no labelled data is given, the metric of a row is that of the bundle's report.
    """
    engines = engines_here(args.engine)
    pairs = pairs_of(variants_of(bundle.manifest, args.variant), engines)
    golden = read_golden(bundle)
    recorded = {(row.variant, row.engine): row for row in read_report(bundle)}
    candidates, calls = [], {}
    for number, (variant, engine) in enumerate(pairs, 1):
        progress(f"{variant.name} with {engine} ({number}/{len(pairs)})")
        reported = recorded.get((variant.name, engine))
        for threads in args.threads:
            with quiet_engines():
                row, model = verify(bundle, golden, variant, engine, engines[engine], threads)
                if model and args.memory:
                    row = row._replace(peak_rss_mib=peak_rss_mib(bundle, variant.name, engine, threads))
                if labelled is None:
                    candidates.append([with_reported_metric(row, reported, model, golden)])
                elif model is None:
                    candidates.append([row])
                else:
                    found = scored(row, reported, model, golden, labelled)
                    if reported is not None and reported.metric_better is not None:
                        found.append(with_reported_metric(row, reported, model, golden))
                    candidates.append(found)
            if model:
                calls[_key(row)] = single_calls(model.predict, golden.inputs)
    return candidates, calls


def _timed(
    rows: list[MeasuredRow], calls: dict[str, Callable[[], object]], count: int | None
) -> list[MeasuredRow]:
    progress("measuring latencies")
    watch = Watch()
    latencies = measure(calls, count, watch)
    timed = []
    for row in rows:
        key = _key(row)
        if key in latencies:
            row = under(row._replace(**latencies[key]._asdict()), watch, key)
            row = row._replace(energy_mj=energy_mj(calls[key]))
        timed.append(row)
    progress("")
    return timed


def _key(row: MeasuredRow) -> str:
    return f"{row.variant} {row.engine} {row.threads}"


def _print(
    manifest: Manifest,
    rows: list[MeasuredRow],
    labelled: Labelled | None,
    scores: list[dict[str | None, float | None]],
) -> None:
    """The table, with the scores of each row by output where there are several, and its notes."""
    several = len(manifest.outputs) > 1
    given = list(labelled.targets) if labelled else []
    names = {name: metric_name(manifest.outputs[name].task) for name in given}
    if len(given) > 1:
        metrics = [f"{name} {names[name]}" for name in given]
    else:
        used = sorted({row.metric_name for row in rows if row.metric_name})
        metrics = [used[0] if len(used) == 1 else "metric"]
    swept = len({row.threads for row in rows}) > 1
    with_memory, with_energy = (
        any(getattr(row, name) is not None for row in rows) for name in ("peak_rss_mib", "energy_mj")
    )
    shown = []
    for row, found in zip(rows, scores, strict=True):
        texts = [metric_text(names[name], found.get(name)) for name in given]
        shown.append(
            (
                row.variant,
                row.engine,
                *([str(row.threads)] if swept else []),
                row.status,
                "-" if row.size_bytes is None else kib(row.size_bytes),
                *([row.output or "-"] if several else []),
                *(texts if len(given) > 1 else [metric_text(row.scale, row.metric)]),
                "-" if row.max_abs_error is None else f"{row.max_abs_error:.2g}",
                *(_figure(value) for value in (row.latency_us_p50, row.latency_us_p90, row.latency_us_p99)),
                *([_figure(row.peak_rss_mib)] if with_memory else []),
                *([_figure(row.energy_mj)] if with_energy else []),
            )
        )
    header = [
        *("variant", "engine", *["threads"] * swept, "status", "KiB"),
        *["output"] * several,
        *metrics,
        *("max error", "p50 µs", "p90 µs", "p99 µs"),
        *["peak MiB"] * with_memory,
        *["mJ a call"] * with_energy,
    ]
    first = header.index(metrics[0])
    print(aligned(header, shown, right=(header.index("KiB"), *range(first, len(header)))))
    print()
    for row in rows:
        if row.reason:
            print(f"{row.status}: {row.variant} with {row.engine}: {row.reason}")
    for line in _notes(manifest, rows, labelled):
        print(line)
    timed = [row for row in rows if row.calls]
    if timed:
        print(footnote(timed))
    for line in condition_notes(rows):
        print(line)


def _notes(manifest: Manifest, rows: list[MeasuredRow], labelled: Labelled | None) -> list[str]:
    """The notes below the table: where its metrics and errors come from, and of which output they are."""
    several = len(manifest.outputs) > 1
    notes = []
    for name, record in manifest.outputs.items():
        score = manifest.original.metrics.get(name)
        if score is not None and score.better is not None:
            notes.append(_of_the_user(f"{name} {score.name}" if several else score.name, score))
            continue
        metric_of = metric_name(record.task)
        if metric_of is None:
            continue
        before = metric_text(metric_of, score and score.value)
        what = f"{name} {metric_of}" if several else metric_of
        if labelled and name in labelled.targets:
            notes.append(f"{what}: on {labelled.samples} rows; the original has {before} on its test split.")
        elif labelled is None and any(row.metric is not None for row in rows):
            notes.append(
                f"{what}: measured at export on the test split, where the original has {before}; give --inputs and "
                "--targets to measure it here."
            )
        elif labelled is None:
            notes.append(f"{what}: not measured: give --inputs and --targets; the original has {before}.")
    if several:
        notes.append(
            "output: the one that the row's metric and error are of, which lost most of its budget, or without a "
            "metric is furthest from the original."
        )
    return [*notes, "max error: against the original's outputs for the golden samples."]


def _of_the_user(what: str, score: Score) -> str:
    """The note on a metric that is code of the user's, which stays on the export machine."""
    return (
        f"{what}: a metric of your own, which cannot be computed here: as measured at export on the test split, where "
        f"the original has {metric_text(score.better, score.value)}."
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
