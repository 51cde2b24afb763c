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
    add_memory,
    add_variants,
    new_parser,
    progress,
    quiet_engines,
)
from runtime.commands.conditions import notes as condition_notes
from runtime.commands.conditions import under
from runtime.commands.table import aligned
from runtime.loading import load_from
from runtime.measure.energy import energy_mj
from runtime.measure.latency import measure, single_calls
from runtime.measure.machine import cpu_name
from runtime.measure.memory import peak_rss_mib
from runtime.measure.row import MeasuredRow, rows_to_json
from runtime.measure.watch import Watch
from runtime.model import Model
from runtime.verdicts import engines_here, pairs_of, variants_of

_BATCH_ROWS = 1024
_BATCH_ELEMENTS = 1 << 21  # large images: a smaller batch
_BATCH_ROUNDS = 8  # the backend has found its way of batching after six


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = new_parser(
        "bench",
        "Measure the variants on this device, interleaved: time to load, peak memory, latency of single "
        "calls of predict, the time a row takes in a large batch. Answers are not checked here; `verify` does that.",
        "python -m runtime bench artifacts/mnist-cnn/bundle --variant tflite-int8 --calls 10000",
    )
    add_variants(made)
    add_engine(made, "all that are installed", sweep=True)
    add_memory(made)
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
    models: dict[str, Model] = {}
    rows: list[MeasuredRow] = []
    for variant, engine in pairs:
        for threads in () if engines[engine] else args.threads:
            progress(f"loading {variant.name} with {engine}")
            import_engine(engine)  # its cost belongs to no variant
            with quiet_engines():
                begin = perf_counter()
                model = load_from(bundle, variant.name, engine, threads)
                load_ms = (perf_counter() - begin) * 1000
            row = MeasuredRow(
                model=bundle.manifest.model,
                variant=variant.name,
                engine=engine,
                status="skipped",
                reason="bench does not check the answers; verify does",
                engine_version=engine_version(engine),
                threads=threads,
                file=variant.file,
                size_bytes=bundle.manifest.files[variant.file].size_bytes,
                load_ms=load_ms,
                peak_rss_mib=peak_rss_mib(bundle, variant.name, engine, threads) if args.memory else None,
            )
            rows.append(row)
            models[_key(row)] = model
    progress("measuring single calls")
    watch = Watch()
    calls = {key: single_calls(model.predict, inputs) for key, model in models.items()}
    latencies = measure(calls, args.calls, watch)
    for place, row in enumerate(rows):
        key = _key(row)
        progress(f"measuring batches of {row.variant} with {row.engine}")
        with quiet_engines():
            batch_us = _batch_us_per_row(models[key], inputs)
        timed = row._replace(**latencies[key]._asdict(), batch_us_per_row=batch_us)
        rows[place] = under(timed, watch, key)._replace(energy_mj=energy_mj(calls[key]))
    progress("")
    notes = [f"{engine}: {problem}" for engine, problem in engines.items() if problem]
    if args.json:
        print(rows_to_json(rows, model=bundle.manifest.model, threads=max(args.threads), notes=notes), end="")
        return 0 if rows else 1
    columns = {
        "threads": [str(row.threads) for row in rows] if len(args.threads) > 1 else [],
        "load ms": _figures(rows, "load_ms"),
        "peak MiB": _figures(rows, "peak_rss_mib"),
        "p50 µs": _figures(rows, "latency_us_p50"),
        "p90 µs": _figures(rows, "latency_us_p90"),
        "p99 µs": _figures(rows, "latency_us_p99"),
        "µs a row in a batch": _figures(rows, "batch_us_per_row"),
        "mJ a call": _figures(rows, "energy_mj"),
    }
    shown = {name: cells for name, cells in columns.items() if cells}
    table = zip((row.variant for row in rows), (row.engine for row in rows), *shown.values(), strict=True)
    print(aligned(("variant", "engine", *shown), list(table), right=range(2, 2 + len(shown))))
    print()
    if rows:
        print(footnote(rows))
    for line in condition_notes(rows):
        print(line)
    for note in notes:
        print(f"not measured: {note}")
    return 0 if rows else 1


def _key(row: MeasuredRow) -> str:
    return f"{row.variant} {row.engine} {row.threads}"


def _figures(rows: Sequence[MeasuredRow], name: str) -> list[str]:
    """The cells of a column; none where nothing of it was measured."""
    values = [getattr(row, name) for row in rows]
    return ["-" if value is None else f"{value:.1f}" for value in values] if any(values) else []


def footnote(rows: Sequence[MeasuredRow]) -> str:
    """What the latencies of these rows are, and on what they were measured."""
    counts = sorted({row.threads or 1 for row in rows})
    threads = f"{', '.join(map(str, counts))} thread{'s' if counts != [1] else ''}"
    versions = ", ".join(sorted({f"{row.engine} {row.engine_version}" for row in rows}))
    return (
        f"Latency: predict on one raw row, {rows[0].calls} calls each, interleaved, warm-up excluded, {threads}; "
        f"{versions}, numpy {np.__version__}, Python {platform.python_version()}, "
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
