"""`verify`: runs the golden samples on this device and says which variants may be used here."""

import argparse
from pathlib import Path

from runtime.bundle.golden import read_golden
from runtime.bundle.reader import Bundle, open_bundle
from runtime.commands.arguments import (
    add_engine,
    add_json,
    add_variants,
    new_parser,
    progress,
    quiet_engines,
)
from runtime.commands.table import aligned
from runtime.errors import BundleError
from runtime.measure.row import MeasuredRow, rows_to_json
from runtime.verdicts import engines_here, pairs_of, variants_of, verify


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = new_parser(
        "verify",
        "Check every file of a bundle against the manifest's SHA-256, run the golden samples through every variant "
        "and engine of this device, and say which may be used here. Exit code 1 where one fails.",
        "python -m runtime verify artifacts/mnist-cnn/bundle",
    )
    add_variants(made)
    add_engine(made, "all that are installed")
    made.add_argument(
        "--key",
        metavar="PUBLIC",
        type=Path,
        help="refuse a bundle not signed with this key, a PEM file (Ed25519)",
    )
    add_json(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Exit code 1 where a file is damaged or a variant that an engine here could run fails."""
    bundle = open_bundle(args.bundle)
    if args.key:
        from runtime.bundle.authenticity import verify_signature

        verify_signature(bundle, args.key)
    variants = variants_of(bundle.manifest, args.variant)
    engines = engines_here(args.engine)
    damaged = _damaged(bundle)
    golden = read_golden(bundle)
    rows: list[MeasuredRow] = []
    for variant, engine in pairs_of(variants, engines):
        progress(f"verifying {variant.name} with {engine}")
        with quiet_engines():  # and the model is dropped: one in memory at a time
            rows.append(verify(bundle, golden, variant, engine, engines[engine], args.threads)[0])
    progress("")
    if args.json:
        print(rows_to_json(rows, model=bundle.manifest.model, damaged_files=damaged), end="")
    else:
        _print(bundle, rows, damaged, args.key)
    statuses = {row.status for row in rows}
    return 0 if "ok" in statuses and "failed" not in statuses and not damaged else 1


def _damaged(bundle: Bundle) -> list[str]:
    problems = []
    for name in bundle.manifest.files:
        progress(f"reading {name}")
        try:
            bundle.read(name)
        except BundleError as error:
            problems.append(str(error))
    progress("")
    return problems


def _print(bundle: Bundle, rows: list[MeasuredRow], damaged: list[str], signed_by: Path | None) -> None:
    several = len(bundle.manifest.outputs) > 1
    cells = []
    for row in rows:
        tolerances = bundle.manifest.variants[row.variant].tolerances
        limit = tolerances.get(row.output or "") if several else next(iter(tolerances.values()))
        tolerance = "-" if limit is None else f"{limit.max_abs_error:.2g}"
        error = "-" if row.max_abs_error is None else f"{row.max_abs_error:.2g}"
        top1 = "-" if row.top1_agreement is None else f"{row.top1_agreement:.1%}"
        output = [row.output or "-"] if several else []
        shown = (row.variant, row.engine, row.status, *output, error, tolerance, top1, row.reason or "")
        cells.append(shown)
    header = (
        "variant",
        "engine",
        "status",
        *["output"] * several,
        "max error",
        "tolerance",
        "same top-1",
        "reason",
    )
    print(aligned(header, cells, right=range(3 + several, 6 + several)))
    print()
    if several:
        print("output: the one whose error takes up most of its tolerance.")
    for problem in damaged:
        print(f"damaged: {problem}")
    by_variant: dict[str, list[str]] = {}
    for row in rows:
        if row.passed:
            by_variant.setdefault(row.variant, []).append(row.engine)
    may = "; ".join(f"{name} with {' or '.join(engines)}" for name, engines in by_variant.items())
    print(f"May be used here: {may or 'none'}.")
    if signed_by:
        print(f"Signed with the key {signed_by}; bundle version {bundle.manifest.bundle_version}.")
