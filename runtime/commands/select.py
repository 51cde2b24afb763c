"""`select`: measures what may run here, chooses, and remembers the choice for `load(…, variant="auto")`."""

import argparse
import os
from typing import Any

from runtime.bundle.golden import Golden, read_golden
from runtime.bundle.reader import open_bundle
from runtime.choose.limits import accuracy_drops, drop_text, refusal
from runtime.choose.saved_choice import Selection, machine, remember
from runtime.commands.arguments import (
    add_engine,
    add_json,
    add_variants,
    new_parser,
    print_json,
    progress,
    quiet_engines,
)
from runtime.commands.table import aligned, kib
from runtime.errors import UsageError
from runtime.loading import load_from
from runtime.measure.latency import single_calls
from runtime.measure.ranking import Standing, rank
from runtime.model import Model
from runtime.verdicts import Verdict, engines_here, judge, pairs_of, variants_of


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = new_parser(
        "select",
        "Measure every variant that may be used here, on every engine and number of threads, side by side; say which "
        "to use and why, or that two are tied; and remember it for runtime.load(BUNDLE, variant='auto').",
        "python -m runtime select artifacts/mnist-cnn/bundle --max-drop 0.5 --max-size 100000",
    )
    made.add_argument(
        "--max-drop",
        metavar="PERCENT",
        type=float,
        help="percentage points of accuracy, or percent of RMSE, that a variant may lose against the original by the "
        "bundle's report; one that was not measured is then refused; default: 0.5 where measured",
    )
    made.add_argument("--max-latency-us", metavar="N", type=float, help="µs that a call may take at most")
    made.add_argument("--max-size", metavar="BYTES", type=int, help="bytes that a variant's file may have")
    add_variants(made)
    add_engine(made, "all that are installed")
    made.set_defaults(threads=None)
    add_json(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Exit code 1 where nothing is left to choose."""
    limits = {
        "--max-drop": args.max_drop,
        "--max-latency-us": args.max_latency_us,
        "--max-size": args.max_size,
    }
    for name, value in limits.items():
        if value is not None and not value >= 0:
            raise UsageError(f"{name} is {value}; give a number of at least 0")
    bundle = open_bundle(args.bundle)
    engines = engines_here(args.engine)
    drops = accuracy_drops(bundle)
    golden = read_golden(bundle)
    verdicts: list[Verdict] = []
    models: dict[tuple[str, str, int], Model] = {}
    for variant, engine in pairs_of(variants_of(bundle.manifest, args.variant), engines):
        progress(f"trying {variant.name} with {engine}")
        drop = drops.get((variant.name, engine))
        problem = refusal(bundle.manifest, variant, drop, args.max_drop, args.max_size) or engines[engine]
        with quiet_engines():
            verdict = judge(bundle, golden, variant, engine, problem)
            verdicts.append(verdict)
            if verdict.status == "ok":
                for threads in [args.threads] if args.threads else _thread_counts():
                    key = (variant.name, engine, threads)
                    models[key] = load_from(bundle, variant.name, engine, threads)
    progress("measuring, interleaved")
    standings = _measure(models, golden)
    progress("")
    fast = {
        key: found
        for key, found in standings.items()
        if args.max_latency_us is None or found.high_us <= args.max_latency_us
    }
    rows = [
        _row(bundle.manifest.files, models[key], key, found, drops, key in fast)
        for key, found in standings.items()
    ]
    chosen, why = _choose(rows)
    selection = chosen and Selection(chosen["variant"], chosen["engine"], chosen["threads"], why)
    stored = remember(bundle, selection) if selection else None
    refused = [(row.variant, row.engine, row.reason) for row in verdicts if row.status != "ok"]
    if args.json:
        left_out = [dict(zip(("variant", "engine", "reason"), row, strict=True)) for row in refused]
        kept = {"selection": selection and selection._asdict(), "stored": str(stored) if stored else None}
        print_json(
            {"model": bundle.manifest.model, "rows": rows, "refused": left_out, "machine": machine()} | kept
        )
    else:
        _print(rows, refused, bundle.manifest.original.metric_name)
        print(
            f"Use {chosen['variant']} with {chosen['engine']}, {_threads(chosen)}: {why}."
            if chosen
            else f"Use nothing: {why}."
        )
        if stored:
            print(f"Remembered in {stored}; runtime.load(…, variant='auto') takes it.")
    return 0 if chosen else 1


def _thread_counts() -> list[int]:
    """1, 2, 4 … and all the cores."""
    cores = os.cpu_count() or 1
    return sorted({1 << power for power in range(cores.bit_length())} & set(range(1, cores + 1)) | {cores})


def _measure(
    models: dict[tuple[str, str, int], Model], golden: Golden
) -> dict[tuple[str, str, int], Standing]:
    names = {" ".join(map(str, key)): key for key in models}
    calls = {name: single_calls(models[key].predict, golden.inputs) for name, key in names.items()}
    return {names[name]: found for name, found in rank(calls).items()}


def _row(
    files: Any, model: Model, key: tuple[str, str, int], found: Standing, drops: Any, admitted: bool
) -> dict[str, Any]:
    variant, engine, threads = key
    return {
        "variant": variant,
        "engine": engine,
        "threads": threads,
        "size_bytes": files[model.manifest.variants[variant].file].size_bytes,
        "drop_percent": drops.get((variant, engine)),
        "latency_us": found.latency_us,
        "latency_us_low": found.low_us,
        "latency_us_high": found.high_us,
        "slower_low": found.slower[0] if found.slower else None,
        "slower_high": found.slower[1] if found.slower else None,
        "within_latency": admitted,
    }


def _choose(rows: list[dict[str, Any]]) -> tuple[dict[str, Any] | None, str]:
    """The row to use and why; rows come fastest first, their ratios are to the first of all."""
    if not rows:
        return None, "no variant is left that may be used here"
    fast = [row for row in rows if row["within_latency"]]
    if not fast:
        return (
            None,
            f"the fastest, {rows[0]['variant']}, may take {rows[0]['latency_us_high']:.1f} µs: over --max-latency-us",
        )
    tied = [row for row in fast if row["slower_low"] is not None and row["slower_low"] <= 1]
    chosen = min(tied or fast[:1], key=lambda row: (row["size_bytes"], row["threads"]))
    others = [row for row in tied if row is not chosen]
    if others:
        names = "; ".join(f"{row['variant']} with {row['engine']}, {_threads(row)}" for row in others)
        order = (
            "the smallest file"
            if any(row["size_bytes"] > chosen["size_bytes"] for row in others)
            else "the fewest threads"
        )
        return chosen, f"tied for the fastest with {names}; it has {order}"[:1000]
    if len(rows) == 1:
        return chosen, "the only one that may be used here"
    following = next(row for row in rows if row is not chosen)
    by = f", by {following['slower_low'] - 1:.0%} at least" if following["slower_low"] else ""
    return (
        chosen,
        f"the fastest here{by}; next is {following['variant']} with {following['engine']}, {_threads(following)}",
    )


def _threads(row: dict[str, Any]) -> str:
    return f"{row['threads']} thread{'s' if row['threads'] > 1 else ''}"


def _print(rows: list[dict[str, Any]], refused: list[tuple[str, str, str]], metric_name: str) -> None:
    cells = []
    for row in rows:
        slower = f"{row['slower_low']:.2f}–{row['slower_high']:.2f}" if row["slower_low"] else "left behind"
        span = f"{row['latency_us_low']:.1f}–{row['latency_us_high']:.1f}"
        drop = drop_text(metric_name, row["drop_percent"])
        size = kib(row["size_bytes"])
        cells.append(
            (
                row["variant"],
                row["engine"],
                str(row["threads"]),
                size,
                drop,
                f"{row['latency_us']:.1f}",
                span,
                slower,
            )
        )
    if cells:
        header = ("variant", "engine", "threads", "KiB", "drop", "µs", "95 % interval", "times the fastest")
        print(aligned(header, cells, right=(2, 3, 4, 5, 6, 7)))
        print()
    for variant, engine, reason in refused:
        print(f"not considered: {variant} with {engine}: {reason}")
