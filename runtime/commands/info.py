"""`info`: what a bundle holds and what will run here. Loads no engine."""

import argparse
import os

import numpy as np

from runtime.backends import ENGINES, engine_version
from runtime.bundle.manifest import Manifest, Variant
from runtime.bundle.manifest_json import to_json
from runtime.bundle.reader import Bundle, open_bundle
from runtime.commands.arguments import add_json, new_parser, print_json
from runtime.commands.table import aligned, kib
from runtime.errors import BundleError
from runtime.requirements import engine_problem, file_problem, read_facts


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = new_parser(
        "info",
        "Print what a bundle holds: the model, its inputs and outputs, its variants; and the engines installed here.",
        "python -m runtime info artifacts/mnist-cnn/bundle",
    )
    add_json(made)
    return made


def run(args: argparse.Namespace) -> int:
    """Prints; reads the manifest and, for a verdict on it, each file that an engine here may run."""
    bundle = open_bundle(args.bundle)
    manifest = bundle.manifest
    versions = {name: engine_version(name) for name in ENGINES}
    verdicts = {row.name: _verdicts(bundle, row, versions) for row in manifest.variants.values()}
    if args.json:
        import json

        print_json(json.loads(to_json(manifest)) | {"engines": versions, "verdicts": verdicts})
        return 0
    print("\n".join(_facts(manifest)))
    print()
    print(_variants(manifest, verdicts))
    for name, reasons in verdicts.items():
        for engine, reason in reasons.items():
            if reason:
                print(f"{name} with {engine}: {reason}")
    print()
    here = [f"{name} {found}" for name, found in versions.items() if found]
    print(f"engines here: {', '.join(here) or 'none; pip install ai-edge-litert or onnxruntime'}")
    return 0


def _verdicts(bundle: Bundle, row: Variant, versions: dict[str, str | None]) -> dict[str, str | None]:
    """For each engine here that the variant is for: what speaks against it, or None. Nothing has run yet."""
    engines = [name for name in row.engines if versions.get(name)]
    if row.format == "saved_model" or not engines:
        return {}
    try:
        facts = read_facts(bundle.read(row.file), row.format)
    except BundleError as error:
        return dict.fromkeys(engines, str(error))
    machine = os.uname().machine
    return {
        name: engine_problem(name, versions[name], np.__version__)
        or file_problem(facts, name, versions[name], machine)
        for name in engines
    }


def _facts(manifest: Manifest) -> list[str]:
    wanted, original = manifest.input, manifest.original
    shape = "x".join(map(str, wanted.shape))
    if wanted.kind == "image":
        takes = f"images {shape}, uint8 pixels from {wanted.low:g} to {wanted.high:g}"
    else:
        takes = f"rows of {shape}: {', '.join(wanted.columns or ())}"
    gives = f"{manifest.output.name}"
    if manifest.labels:
        gives += f" of {len(manifest.labels)} labels: {', '.join(manifest.labels[:20])}"
        gives += ", …" if len(manifest.labels) > 20 else ""
    elif manifest.unit:
        gives += f" in {manifest.unit}"
    score = (
        f"{original.metric_name} {'not measured' if original.metric is None else f'{original.metric:.4g}'}"
    )
    producers = ", ".join(f"{name} {found}" for name, found in manifest.producer.items())
    return [
        f"model:     {manifest.model}, a {manifest.task} with {manifest.parameters:,} parameters",
        f"takes:     {takes}",
        f"gives:     {gives}",
        f"original:  {score} on {original.device}",
        f"made by:   {producers}",
    ]


def _variants(manifest: Manifest, verdicts: dict[str, dict[str, str | None]]) -> str:
    rows = []
    for row in manifest.variants.values():
        sizes = [
            record.size_bytes
            for name, record in manifest.files.items()
            if name == row.file or name.startswith(f"{row.file}/")
        ]
        if row.format == "saved_model":
            here = "no: it is code, and stays on the export machine"
        else:
            found = verdicts[row.name]
            here = ", ".join(name for name, reason in found.items() if reason is None)
            here = here or ("no, see below" if found else "no: no engine for it")
        size = kib(sum(sizes))
        rows.append((row.name, size, f"{row.tolerance.max_abs_error:.2g}", ", ".join(row.engines), here))
    return aligned(("variant", "KiB", "tolerance", "verified on", "runs here"), rows, right=(1, 2))
