"""`pack`: a bundle as one .zip file, always the same bytes."""

import argparse
from pathlib import Path

from runtime.bundle.install import install
from runtime.bundle.reader import open_bundle
from runtime.commands.arguments import new_parser
from runtime.commands.table import kib
from runtime.errors import UsageError


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = new_parser(
        "pack",
        "Write a bundle as one .zip: stored, not compressed, the same bytes on every machine. Every command and "
        "runtime.load read it as they read the folder.",
        "python -m runtime pack artifacts/mnist-cnn/bundle mnist-cnn.zip",
    )
    made.add_argument("file", metavar="FILE.zip", type=Path, help="the file to write, whole or not at all")
    return made


def run(args: argparse.Namespace) -> int:
    """Prints the file and its size."""
    if args.file.suffix != ".zip":
        raise UsageError(f"{args.file} does not end in .zip; give FILE.zip")
    bundle = open_bundle(args.bundle)
    install(bundle, args.file)
    print(
        f"{args.file}: {kib(args.file.stat().st_size)} KiB, {bundle.manifest.model}, manifest {bundle.digest}"
    )
    return 0
