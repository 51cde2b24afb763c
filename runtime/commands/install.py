"""`install`: puts a bundle into its place on a device, or updates the one there, whole or not at all."""

import argparse
from pathlib import Path

from runtime.bundle.install import install
from runtime.bundle.reader import open_bundle
from runtime.commands.arguments import new_parser


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = new_parser(
        "install",
        "Check every file of a bundle, folder or .zip, and copy it to TARGET, a folder, or one file where its name "
        "ends in .zip. At every moment TARGET is the old bundle or the new one, also when the power fails.",
        "python -m runtime install artifacts/mnist-cnn/bundle model.bundle --key maker.pem --no-rollback",
    )
    made.add_argument("target", metavar="TARGET", type=Path, help="where the bundle goes")
    made.add_argument(
        "--key", metavar="PUBLIC", type=Path, help="refuse a bundle not signed with this key (PEM)"
    )
    made.add_argument(
        "--no-rollback",
        action="store_true",
        help="refuse a bundle with a lower version than the one at TARGET",
    )
    return made


def run(args: argparse.Namespace) -> int:
    """Prints what is in place now."""
    bundle = open_bundle(args.bundle)
    if args.key:
        from runtime.bundle.authenticity import verify_signature

        verify_signature(bundle, args.key)
    install(bundle, args.target, args.no_rollback)
    manifest = bundle.manifest
    print(
        f"{args.target}: {manifest.model}, bundle version {manifest.bundle_version}, manifest {bundle.digest}"
    )
    return 0
