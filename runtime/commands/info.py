"""`info`: what a bundle holds and what will run here. Loads no engine."""

import argparse
import os
from collections.abc import Mapping, Sequence

import numpy as np

from runtime.backends import ENGINES, engine_version
from runtime.bundle.manifest import InputRecord, Manifest, OutputRecord, Variant
from runtime.bundle.reader import Bundle, open_bundle
from runtime.commands.arguments import add_json, new_parser, print_json
from runtime.commands.table import aligned, kib
from runtime.errors import BundleError
from runtime.requirements import engine_problem, file_problem, read_facts

_MOST_NAMES = 20  # so many labels or columns are shown


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
    here = {name: version for name, version in versions.items() if version}
    found = {row.name: verdicts(bundle, row, here) for row in manifest.variants.values()}
    if args.json:
        import json

        print_json(json.loads(bundle.read_manifest()) | {"engines": versions, "verdicts": found})
        return 0
    print("\n".join(_facts(manifest)))
    print()
    print(_variants(manifest, found))
    for name, reasons in found.items():
        for engine, reason in reasons.items():
            if reason:
                print(f"{name} with {engine}: {reason}")
    for variant in manifest.variants.values():
        for note in variant.notes:
            print(f"{variant.name}: {note}")
    print()
    named = [f"{name} {version}" for name, version in here.items()]
    print(f"engines here: {', '.join(named) or 'none; pip install ai-edge-litert or onnxruntime'}")
    return 0


def verdicts(bundle: Bundle, row: Variant, versions: Mapping[str, str | None]) -> dict[str, str | None]:
    """What speaks against a variant on each of the engines that it is for, or None. Nothing has run yet.

    Args:
        bundle: the open bundle.
        row: the variant.
        versions: the engines asked about; None is a version that is not known, and what depends on it is left out.
    """
    engines = [name for name in row.engines if name in versions]
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
    inputs, outputs, original = manifest.inputs, manifest.outputs, manifest.original
    several = len(outputs) > 1
    scores = [
        f"{f'{name}: ' if several else ''}{score.name} "
        f"{'not measured' if score.value is None else f'{score.value:.4g}'}"
        for name, score in original.metrics.items()
    ]
    producers = ", ".join(f"{name} {found}" for name, found in manifest.producer.items())
    of_one = next(iter(outputs.values())).task if len(outputs) == 1 else None
    kind = f", {_ARTICLES[of_one]} with" if of_one else ","
    return [
        f"model:     {manifest.model}{kind} {manifest.parameters:,} parameters",
        *_named("takes:", {name: _taken(record) for name, record in inputs.items()}, len(inputs) > 1),
        *_named("gives:", {name: _given(record) for name, record in outputs.items()}, False),
        f"original:  {', '.join(scores) or 'no metric'} on {original.device}",
        f"made by:   {producers}",
    ]


_ARTICLES = {
    "classification": "a classification",
    "binary": "a binary classification",
    "multilabel": "a multilabel classification",
    "regression": "a regression",
    "reconstruction": "a reconstruction",
    "tensor": "a model of no known task",
}


def _named(heading: str, texts: Mapping[str, str], names: bool) -> list[str]:
    """A line for each text, the first behind the heading, and with its name where that is wanted."""
    lines = [f"{name}: {text}" if names else text for name, text in texts.items()]
    return [f"{heading if not number else '':<11}{line}" for number, line in enumerate(lines)]


def _taken(record: InputRecord) -> str:
    shape = "x".join(map(str, record.shape))
    dtype = "numbers" if record.dtype == "float" else record.dtype
    if record.low is not None and record.high is not None:
        dtype += f" from {record.low:g} to {record.high:g}"
    return {
        "image": f"images {shape}, {record.dtype} pixels from {record.low or 0:g} to {record.high or 255:g}; "
        f"other sizes are {_RESIZED[record.resize or 'stretch']}",
        "table": f"rows of {shape}: {_in_short(record.columns or ())}",
        "sequence": f"sequences {shape} of {dtype}",
        "text": f"texts, their first {shape} words",
        "tensor": f"tensors {shape} of {dtype}" if shape else f"single {dtype}",
    }[record.kind]


_RESIZED = {
    "stretch": "stretched",
    "crop": "cropped",
    "pad": "padded",
}


def _given(record: OutputRecord) -> str:
    shape = "x".join(map(str, record.shape)) or "single"
    if record.labels:
        places = (
            f", for each of {'x'.join(map(str, record.shape[:-1]))} places" if len(record.shape) > 1 else ""
        )
        labels = f"{len(record.labels)} labels: {_in_short(record.labels)}"
        of = {"binary": "the second of ", "multilabel": "any of "}.get(record.task, "")
        return f"{record.name} of {of}{labels}{places}"
    if record.task == "regression":
        return f"{record.name}{_values(record)}"
    if record.task == "reconstruction":
        return f"{record.name}, {shape}, a reconstruction of {record.input}"
    return f"{record.name}, {shape} {record.dtype}"


def _values(record: OutputRecord) -> str:
    units = record.units or (None,) * len(record.columns or ())
    if record.columns:
        pairs = zip(record.columns, units, strict=True)
        return f": {_in_short([f'{name} in {unit}' if unit else name for name, unit in pairs])}"
    known = list(dict.fromkeys(unit for unit in units if unit))
    return f" in {', '.join(known)}" if known else ""


def _in_short(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")


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
        limits = dict.fromkeys(f"{limit.max_abs_error:.2g}" for limit in row.tolerances.values())
        tolerances = " / ".join(limits)
        rows.append((row.name, size, tolerances, ", ".join(row.engines), here))
    return aligned(("variant", "KiB", "tolerance", "verified on", "runs here"), rows, right=(1, 2))
