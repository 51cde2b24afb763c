"""`select`: measures what may run here, chooses, and remembers the choice for `load(…, variant="auto")`."""

import argparse
import os

from runtime.bundle.golden import read_golden
from runtime.bundle.reader import Bundle, open_bundle
from runtime.choose.constraints import HELP, parse_limits
from runtime.choose.limits import BUDGETS, Limits
from runtime.choose.rule import Choice, choose, drop_of, in_words, within_but_latency
from runtime.choose.saved_choice import SavedChoice, machine, remember
from runtime.commands.arguments import (
    add_engine,
    add_json,
    add_variants,
    new_parser,
    progress,
    quiet_engines,
)
from runtime.commands.conditions import notes as condition_notes
from runtime.commands.conditions import under
from runtime.commands.reported import with_reported_metric
from runtime.commands.table import aligned, kib
from runtime.errors import UsageError
from runtime.loading import load_from
from runtime.measure.latency import single_calls
from runtime.measure.metric import drop_text
from runtime.measure.ranking import rank
from runtime.measure.row import MeasuredRow, read_report, rows_to_json
from runtime.measure.watch import Watch
from runtime.verdicts import engines_here, pairs_of, variants_of, verify


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
        "bundle's report; one that was not measured is then refused; default, where it was measured: "
        f"{BUDGETS['points']:g} points, {BUDGETS['%']:g} %% of RMSE",
    )
    made.add_argument("--max-latency-us", metavar="N", type=float, help="µs that a call may take at most")
    made.add_argument("--max-size", metavar="BYTES", type=int, help="bytes that a variant's file may have")
    made.add_argument("--constraints", metavar="LIMITS", help=f"all limits in one text, instead: {HELP}")
    add_variants(made)
    add_engine(made, "all that are installed", sweep=True)
    made.set_defaults(threads=None)
    add_json(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Exit code 1 where nothing is left to choose."""
    limits = _limits(args)
    bundle = open_bundle(args.bundle)
    rows = _measured(args, bundle, limits)
    choice = choose(rows, limits)
    saved = choice.row and SavedChoice(
        choice.row.variant, choice.row.engine, choice.row.threads or 1, choice.why[:1000]
    )
    stored = remember(bundle, saved) if saved else None
    if args.json:
        left_out = [
            {"variant": out.row.variant, "engine": out.row.engine, "limit": out.limit, "reason": out.why}
            for out in choice.excluded
        ]
        beside = {
            "model": bundle.manifest.model,
            "refused": left_out,
            "machine": machine(),
            "selection": saved and saved._asdict(),
            "stored": str(stored) if stored else None,
            "why": choice.why,
        }
        print(rows_to_json(rows, **beside), end="")
    else:
        _print(rows, choice, len(bundle.manifest.outputs) > 1)
        print(
            f"Use {in_words(choice.row, threads=True)}: {choice.why}."
            if choice.row
            else f"Use nothing: {choice.why}."
        )
        if stored:
            print(f"Remembered in {stored}; runtime.load(…, variant='auto') takes it.")
    return 0 if choice.row else 1


def _limits(args: argparse.Namespace) -> Limits:
    given = {
        "--max-drop": args.max_drop,
        "--max-latency-us": args.max_latency_us,
        "--max-size": args.max_size,
    }
    for name, value in given.items():
        if value is not None and args.constraints is not None:
            raise UsageError(f"both --constraints and {name} are given; put all limits into --constraints")
        if value is not None and not value >= 0:
            raise UsageError(f"{name} is {value}; give a number of at least 0")
    if args.constraints is not None:
        return parse_limits(args.constraints)
    return Limits(budget=args.max_drop, size_bytes=args.max_size, latency_us_p50=args.max_latency_us)


def _measured(args: argparse.Namespace, bundle: Bundle, limits: Limits) -> list[MeasuredRow]:
    """A row for each variant, engine and number of threads, the fastest first; then those that were not timed.

    The metric is that of the bundle's report. What a limit excludes already is not timed, and has one row.
    """
    engines = engines_here(args.engine)
    recorded = {(row.variant, row.engine): row for row in read_report(bundle)}
    golden = read_golden(bundle)
    judged = []
    for variant, engine in pairs_of(variants_of(bundle.manifest, args.variant), engines):
        progress(f"trying {variant.name} with {engine}")
        with quiet_engines():
            row, model = verify(bundle, golden, variant, engine, engines[engine])
            judged.append(with_reported_metric(row, recorded.get((variant.name, engine)), model, golden))
    considered = within_but_latency(judged, limits)
    counts = args.threads or _thread_counts()
    starts = {
        f"{row.variant} {row.engine} {threads}": row._replace(threads=threads)
        for row in considered
        for threads in counts
    }
    calls = {}
    for name, row in starts.items():
        with quiet_engines():
            model = load_from(bundle, row.variant, row.engine, row.threads or 1)
        calls[name] = single_calls(model.predict, golden.inputs)
    progress("measuring, interleaved")
    watch = Watch()
    timed = [
        under(starts[name]._replace(**found._asdict()), watch, name)
        for name, found in rank(calls, watch).items()
    ]
    progress("")
    return timed + [row for row in judged if row not in considered]


def _thread_counts() -> list[int]:
    """1, 2, 4 … and all the cores."""
    cores = os.cpu_count() or 1
    return sorted({1 << power for power in range(cores.bit_length())} & set(range(1, cores + 1)) | {cores})


def _print(rows: list[MeasuredRow], choice: Choice, several: bool) -> None:
    """The table, with the output that a drop is of where there are several, and what was left out."""
    cells = []
    for row in rows:
        if row.latency_us_p50 is not None:
            cells.append(
                (
                    row.variant,
                    row.engine,
                    str(row.threads),
                    "-" if row.size_bytes is None else kib(row.size_bytes),
                    *([row.output or "-"] if several else []),
                    drop_text(row.scale, drop_of(row, rows)),
                    f"{row.latency_us_p50:.1f}",
                    _span(row.latency_us_low, row.latency_us_high, 1, "-"),
                    _span(row.slower_low, row.slower_high, 2, "left behind"),
                )
            )
    if cells:
        output = ["output"] * several
        header = (
            "variant",
            "engine",
            "threads",
            "KiB",
            *output,
            "drop",
            "µs",
            "95 % interval",
            "times the fastest",
        )
        print(aligned(header, cells, right=(2, 3, *range(4 + several, 8 + several))))
        print()
    for out in choice.excluded:
        timed = out.row.latency_us_p50 is not None
        print(f"not considered: {in_words(out.row, threads=timed)}: {out.why}")
    for line in condition_notes(rows):
        print(line)


def _span(low: float | None, high: float | None, digits: int, unknown: str) -> str:
    return unknown if low is None or high is None else f"{low:.{digits}f}–{high:.{digits}f}"
