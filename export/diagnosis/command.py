"""`python -m export diagnose`: where a variant loses accuracy, layer by layer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from rich.console import Console

from data.original import Original
from export.diagnosis import page
from export.diagnosis.diagnose import READABLE, diagnose, reference_of
from export.run.workers import Workers
from export.trained import registering
from export.trained.search import find_original, search_roots
from runtime.bundle.reader import open_bundle
from runtime.command import as_called
from runtime.errors import BundleError, EdgeProofError, UsageError

DESCRIPTION = """\
Say where the quantized files of an exported model lose accuracy: each Keras
layer under its own name, what it loses by itself, how much of the loss of the
answers that makes, and how well its values fit their range. Writes pictures,
figures and node data for Model Explorer to artifacts/<model>/diagnosis/."""
EPILOG = """examples:
  python -m export diagnose mnist-cnn
  python -m export diagnose mnist-cnn --variant tflite-int8,onnx-int8
  python -m export diagnose my_model.keras --out artifacts"""


def main(argv: Sequence[str]) -> int:
    """Runs `diagnose MODEL`."""
    options = parser().parse_args(argv[1:])
    original = _original(options)
    folder = options.out / original.name
    bundle = folder / "bundle"
    if not bundle.exists():
        raise BundleError(f"{bundle} is not there; export the model first: python -m export {options.model}")
    variants = _variants(options.variant, bundle, options.model)
    destination = folder / "diagnosis"
    # Engines and Keras run in a process of their own, which may die on a damaged file.
    with Workers(1) as workers:
        outcome = workers.call("keras", diagnose, original, bundle, variants, destination, options.data_dir)
    if not outcome.ok:
        raise (
            outcome.error
            if isinstance(outcome.error, EdgeProofError)
            else EdgeProofError(f"{original.name} cannot be diagnosed: {outcome.reason}")
        )
    destination.mkdir(parents=True, exist_ok=True)
    page.write(outcome.value, destination)
    console = Console(width=None if sys.stdout.isatty() else 160)
    for found in outcome.value:
        page.show(found, console)
    console.print(f"pictures, figures and node data: {destination}", highlight=False, soft_wrap=True)
    return 0


def _original(options: argparse.Namespace) -> Original:
    """The trained model of a name, or the one that a path was exported as.

    Raises:
        UsageError: there is none, or the file has changed since.
    """
    if not registering.is_path(options.model):
        return find_original(options.model, search_roots(options.out))
    path = Path(options.model)
    if not path.exists():
        raise UsageError(
            f"{path} does not exist; give the path of a model that was exported, or the name of a trained model"
        )
    name = options.name or registering.name_of(path)
    found = find_original(name, [options.out])
    recorded = found.record.sha256.get(found.record.source.file)
    if path.is_file() and sha256(path.read_bytes()).hexdigest() != recorded:
        raise UsageError(
            f"{path} is not the model that {found.folder} was made of; export it again, or give --name"
        )
    return found


def _variants(given: str | None, bundle: Path, model: str) -> list[str]:
    """The variants asked for: those named, or all quantized ones of the bundle.

    Raises:
        UsageError: the bundle has no such variant, or not the float32 file that it is compared with.
    """
    every = open_bundle(bundle).manifest.variants
    known = [name for name in every if name.startswith(READABLE) and name != reference_of(name)]
    wanted = known if given is None else [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise UsageError(
            f"{bundle} has no quantized variant {', '.join(unknown) or '(none was named)' if given else 'at all'}; "
            f"it has {', '.join(known) or 'none'}; others are made by python -m export {model}"
        )
    for name in wanted:
        if reference_of(name) not in every:
            raise UsageError(
                f"{bundle} has no {reference_of(name)}, which {name} is compared with; export both: python -m export "
                f"{model} --targets {reference_of(name)},{name}"
            )
    return list(dict.fromkeys(wanted))


def parser() -> argparse.ArgumentParser:
    """The options of `diagnose`."""
    made = argparse.ArgumentParser(
        prog=as_called("python -m export diagnose"),
        description=DESCRIPTION,
        epilog=as_called(EPILOG),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("model", metavar="MODEL", help="an exported model by its name, or the path that it was exported from")
    add("--variant", metavar="V[,V…]", help="which variants (default: all quantized ones of the bundle)")
    add("--out", type=Path, default=Path("artifacts"), help="where the bundle is, and the diagnosis goes")
    add(
        "--name",
        metavar="NAME",
        help="what a model given by its path is called (default: the name of its file)",
    )
    add("--data-dir", help="folder with the datasets (default: $EDGEPROOF_DATA, cache, download)")
    return made
