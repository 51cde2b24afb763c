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
    print_json,
    progress,
    quiet_engines,
)
from runtime.commands.table import aligned
from runtime.errors import BundleError
from runtime.verdicts import Verdict, engines_here, judge, pairs_of, variants_of


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
    verdicts: list[Verdict] = []
    for variant, engine in pairs_of(variants, engines):
        progress(f"verifying {variant.name} with {engine}")
        with quiet_engines():
            verdict = judge(bundle, golden, variant, engine, engines[engine], args.threads)
        verdicts.append(verdict._replace(model=None))  # one model in memory at a time
    progress("")
    usable = [verdict for verdict in verdicts if verdict.status == "ok"]
    failed = [verdict for verdict in verdicts if verdict.status == "failed"]
    if args.json:
        rows = [_row(verdict) for verdict in verdicts]
        print_json({"model": bundle.manifest.model, "rows": rows, "damaged_files": damaged})
    else:
        _print(bundle, verdicts, damaged, args.key)
    return 0 if usable and not failed and not damaged else 1


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


def _row(verdict: Verdict) -> dict[str, object]:
    found = verdict.agreement
    return {
        "variant": verdict.variant,
        "engine": verdict.engine,
        "status": verdict.status,
        "reason": verdict.reason or None,
        "max_abs_error": found.max_abs_error if found else None,
        "mean_abs_error": found.mean_abs_error if found else None,
        "sqnr_db": found.sqnr_db if found else None,
        "top1_agreement": found.top1_agreement if found else None,
    }


def _print(bundle: Bundle, verdicts: list[Verdict], damaged: list[str], signed_by: Path | None) -> None:
    rows = []
    for verdict in verdicts:
        found = verdict.agreement
        limit = bundle.manifest.variants[verdict.variant].tolerance.max_abs_error
        error = f"{found.max_abs_error:.2g}" if found else "-"
        top1 = f"{found.top1_agreement:.1%}" if found and found.top1_agreement is not None else "-"
        rows.append(
            (verdict.variant, verdict.engine, verdict.status, error, f"{limit:.2g}", top1, verdict.reason)
        )
    header = ("variant", "engine", "status", "max error", "tolerance", "same top-1", "reason")
    print(aligned(header, rows, right=(3, 4, 5)))
    print()
    for problem in damaged:
        print(f"damaged: {problem}")
    by_variant: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.status == "ok":
            by_variant.setdefault(verdict.variant, []).append(verdict.engine)
    may = "; ".join(f"{name} with {' or '.join(engines)}" for name, engines in by_variant.items())
    print(f"May be used here: {may or 'none'}.")
    if signed_by:
        print(f"Signed with the key {signed_by}; bundle version {bundle.manifest.bundle_version}.")
