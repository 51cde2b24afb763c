"""Checks who made a bundle, by an Ed25519 signature over its manifest. Needs the package `cryptography`."""

from pathlib import Path
from typing import Any

from runtime.bundle.reader import SIGNATURE_BYTES, Bundle
from runtime.errors import BundleError, PackageError, UsageError

_MAX_KEY_BYTES = 10_000
INSTALL = "pip install cryptography"


def verify_signature(bundle: Bundle, public_key: Path) -> None:
    """Checks that a bundle was signed with the private half of a key.

    Args:
        bundle: an open bundle. Its manifest names the SHA-256 of every file, so its signature covers them all.
        public_key: a PEM file as `python -m export keygen` and OpenSSL write it.

    Raises:
        BundleError: the bundle is not signed, or with another key, or has changed since.
        UsageError: the key file is missing or holds no Ed25519 public key.
        PackageError: `cryptography` is not installed.
    """
    serialization, ed25519, invalid = cryptography_parts()
    key = read_key(public_key, serialization.load_pem_public_key)
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise UsageError(f"{public_key}: not an Ed25519 public key; `python -m export keygen` makes one")
    signature = bundle.read_signature()
    if signature is None:
        raise BundleError(f"{bundle.path}: is not signed; sign it with `python -m export sign`")
    if len(signature) != SIGNATURE_BYTES:
        raise BundleError(f"{bundle.path}: its signature is damaged; copy or sign the bundle again")
    try:
        key.verify(signature, bundle.read_manifest())
    except invalid:
        raise BundleError(
            f"{bundle.path}: not signed with the key {public_key}, or changed since; do not use it"
        ) from None


def read_key(path: Path, load: Any) -> Any:
    """Reads a key from a PEM file.

    Args:
        path: the file.
        load: a function of `cryptography` that takes its bytes and returns the key.

    Raises:
        UsageError: the file is missing or holds no such key.
    """
    try:
        content = path.read_bytes()
        if len(content) > _MAX_KEY_BYTES:
            raise ValueError("too large for a key")
        return load(content)
    except FileNotFoundError:
        raise UsageError(f"{path}: does not exist; give a PEM file with an Ed25519 key") from None
    except (OSError, ValueError, TypeError) as error:  # TypeError: a private key with a password
        raise UsageError(f"{path}: no key can be read from it ({str(error).splitlines()[0]})") from None
    except Exception as error:  # UnsupportedAlgorithm
        raise UsageError(f"{path}: an unknown kind of key ({type(error).__name__})") from None


def cryptography_parts() -> tuple[Any, Any, Any]:
    """What signatures need of cryptography: serialization, ed25519, InvalidSignature; PackageError without it."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise PackageError(f"a signature needs cryptography; install it with: {INSTALL}") from None
    return serialization, ed25519, InvalidSignature
