"""`python -m export keygen` and `sign`: who made a bundle, said by an Ed25519 signature over its manifest."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from export.commands import COMMANDS
from runtime.bundle.authenticity import cryptography_parts, read_key
from runtime.bundle.install import contents, put
from runtime.bundle.manifest import MANIFEST_NAME, SIGNATURE_NAME
from runtime.bundle.manifest_json import to_json
from runtime.bundle.reader import Bundle, open_bundle
from runtime.command import as_called
from runtime.errors import UsageError


def main(argv: Sequence[str]) -> int:
    """Runs `keygen PRIVATE PUBLIC` or `sign BUNDLE --key PRIVATE`."""
    options = parser().parse_args(argv)
    if options.command == "keygen":
        keygen(options.private, options.public)
        print(f"{options.private}: the private key; keep it secret, and never on a device")
        print(
            f"{options.public}: the public key; devices check with `{as_called('python -m runtime verify --key')}`"
        )
    else:
        signed = sign(open_bundle(options.bundle), options.key, options.version)
        print(
            f"{signed.path}: signed, bundle version {signed.manifest.bundle_version}, manifest {signed.digest}"
        )
    return 0


def keygen(private: Path, public: Path) -> None:
    """Writes a new pair of keys as PEM; UsageError where one of the files is there already."""
    for path in (private, public):
        if path.exists():
            raise UsageError(f"{path} is there already, and a key is never overwritten; give another name")
    serialization, ed25519, _ = cryptography_parts()
    key = ed25519.Ed25519PrivateKey.generate()
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # For its owner's eyes from the first byte on, and never over another file.
    with os.fdopen(os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def sign(bundle: Bundle, private: Path, bundle_version: int | None = None) -> Bundle:
    """Signs a bundle in its place, folder or zip, whole or not at all; every file is compared with the manifest.

    Raises:
        UsageError: the key file holds no Ed25519 private key, or the version is lower than the bundle's.
    """
    serialization, ed25519, _ = cryptography_parts()
    key = read_key(private, lambda content: serialization.load_pem_private_key(content, password=None))
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise UsageError(f"{private}: not an Ed25519 private key; `python -m export keygen` makes one")
    files = dict(contents(bundle))
    if bundle_version is not None:
        if bundle_version < bundle.manifest.bundle_version:
            raise UsageError(
                f"--version is {bundle_version}, the bundle has {bundle.manifest.bundle_version}; versions count up"
            )
        files[MANIFEST_NAME] = to_json(bundle.manifest._replace(bundle_version=bundle_version)).encode()
    files[SIGNATURE_NAME] = key.sign(files[MANIFEST_NAME])
    first = dict.fromkeys((MANIFEST_NAME, SIGNATURE_NAME), b"")  # in the order of every bundle
    put(iter((first | files).items()), bundle.path.resolve())  # not in place of a link to it
    return open_bundle(bundle.path)


def parser() -> argparse.ArgumentParser:
    """The command line of `keygen` and `sign`."""
    made = argparse.ArgumentParser(prog=as_called("python -m export"))
    add_commands(made.add_subparsers(dest="command", required=True))
    return made


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds the sub-parsers of `keygen` and `sign`."""
    keys = commands.add_parser(
        "keygen",
        help=COMMANDS["keygen"].text,
        description="Make a pair of Ed25519 keys: one to sign bundles with, one for the devices.",
    )
    keys.add_argument("private", metavar="PRIVATE", type=Path, help="where the private key goes")
    keys.add_argument("public", metavar="PUBLIC", type=Path, help="where the public key goes")
    signing = commands.add_parser(
        "sign",
        help=COMMANDS["sign"].text,
        description="Sign the manifest of a bundle, and with it every byte that the manifest names.",
    )
    signing.add_argument("bundle", metavar="BUNDLE", type=Path, help="the folder or the .zip")
    signing.add_argument("--key", metavar="PRIVATE", type=Path, required=True, help="a PEM file from keygen")
    signing.add_argument(
        "--version",
        metavar="N",
        type=int,
        help="the bundle's version, a whole number that counts up; devices can refuse to go back",
    )
