"""`bench`: latency and throughput of the variants on this device."""

import argparse
import platform
from collections.abc import Mapping, Sequence
from time import perf_counter

import numpy as np

from runtime.backends import engine_version, import_engine
from runtime.bundle.golden import read_golden
from runtime.bundle.reader import open_bundle
from runtime.commands.arguments import (
    add_engine,
    add_json,
    add_variants,
    new_parser,
    progress,
    quiet_engines,
)
from runtime.commands.table import aligned
from runtime.loading import load_from
from runtime.measure.latency import measure, single_calls
from runtime.measure.machine import cpu_name
from runtime.measure.row import MeasuredRow, rows_to_json
from runtime.model import Model
from runtime.verdicts import engines_here, pairs_of, variants_of

_BATCH_ROWS = 1024
_BATCH_ELEMENTS = 1 << 21  # large images: a smaller batch
_BATCH_ROUNDS = 8  # the backend has found its way of batching after six


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = new_parser(
        "bench",
        "Measure the variants on this device, interleaved: the time to load one, the latency of single calls of "
        "predict, the time a row takes in a large batch. Answers are not checked here; `verify` does that.",
        "python -m runtime bench artifacts/mnist-cnn/bundle --variant tflite-int8 --calls 10000",
    )
    add_variants(made)
    add_engine(made, "all that are installed")
    made.add_argument(
        "--calls", metavar="N", type=int, help="single calls of each; default: 1000, fewer if slow"
    )
    add_json(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Prints one row for each variant and engine; an engine that cannot be used gets a note."""
    bundle = open_bundle(args.bundle)
    engines = engines_here(args.engine)
    pairs = pairs_of(variants_of(bundle.manifest, args.variant), engines)
    inputs = read_golden(bundle).inputs
    models, load_ms = {}, {}
    for variant, engine in pairs:
        if not engines[engine]:
            progress(f"loading {variant.name} with {engine}")
            key = f"{variant.name} {engine}"
            import_engine(engine)  # its cost belongs to no variant
            with quiet_engines():
                begin = perf_counter()
                models[key] = load_from(bundle, variant.name, engine, args.threads)
                load_ms[key] = (perf_counter() - begin) * 1000
    progress("measuring single calls")
    calls = {key: single_calls(model.predict, inputs) for key, model in models.items()}
    latencies = measure(calls, args.calls)
    rows = []
    for key, model in models.items():
        progress(f"measuring batches of {model.variant} with {model.engine}")
        with quiet_engines():
            batch_us = _batch_us_per_row(model, inputs)
        file = bundle.manifest.variants[model.variant].file
        row = MeasuredRow(
            model=bundle.manifest.model,
            variant=model.variant,
            engine=model.engine,
            status="skipped",
            reason="bench does not check the answers; verify does",
            engine_version=engine_version(model.engine),
            threads=args.threads,
            file=file,
            size_bytes=bundle.manifest.files[file].size_bytes,
            load_ms=load_ms[key],
            batch_us_per_row=batch_us,
        )
        rows.append(row._replace(**latencies[key]._asdict()))
    progress("")
    notes = [f"{engine}: {problem}" for engine, problem in engines.items() if problem]
    if args.json:
        print(rows_to_json(rows, model=bundle.manifest.model, threads=args.threads, notes=notes), end="")
        return 0 if rows else 1
    header = ("variant", "engine", "load ms", "p50 µs", "p90 µs", "p99 µs", "µs a row in a batch")
    names = ("load_ms", "latency_us_p50", "latency_us_p90", "latency_us_p99", "batch_us_per_row")
    cells = [[row.variant, row.engine, *(f"{getattr(row, name):.1f}" for name in names)] for row in rows]
    print(aligned(header, cells, right=(2, 3, 4, 5, 6)))
    print()
    if rows:
        print(footnote(rows))
    for note in notes:
        print(f"not measured: {note}")
    return 0 if rows else 1


def footnote(rows: Sequence[MeasuredRow]) -> str:
    """What the latencies of these rows are, and on what they were measured."""
    threads = rows[0].threads or 1
    versions = ", ".join(sorted({f"{row.engine} {row.engine_version}" for row in rows}))
    return (
        f"Latency: predict on one raw row, {rows[0].calls} calls each, interleaved, warm-up excluded, {threads} thread"
        f"{'s' if threads > 1 else ''}; {versions}, numpy {np.__version__}, Python {platform.python_version()}, "
        f"{platform.machine()}, {cpu_name()}."
    )


def _batch_us_per_row(model: Model, inputs: Mapping[str, np.ndarray]) -> float:
    known = len(next(iter(inputs.values())))
    elements = sum(values[0].size for values in inputs.values())
    rows = max(known, min(_BATCH_ROWS, _BATCH_ELEMENTS // elements))
    batch = {name: np.resize(values, (rows, *values.shape[1:])) for name, values in inputs.items()}
    times: list[float] = []
    for _ in range(_BATCH_ROUNDS):
        begin = perf_counter()
        model.answers(batch)
        times.append(perf_counter() - begin)
        if sum(times) > 3:
            break
    return min(times) / float(rows) * 1e6
