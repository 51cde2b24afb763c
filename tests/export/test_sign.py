"""Signed bundles: only the right key, only the manifest that was signed, never back to an older version."""

import shutil
import stat
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from export.__main__ import main as export_main
from export.sign import keygen, sign
from runtime.__main__ import main
from runtime.bundle.authenticity import verify_signature
from runtime.bundle.install import install
from runtime.bundle.reader import open_bundle, read_manifest
from runtime.command import run_command
from runtime.errors import BundleError, PackageError, UsageError
from tests.bundles import change_manifest, image_bundle

FORMS = ("bundle", "bundle.zip")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """The maker's private and public key, and those of somebody else."""
    folder = tmp_path_factory.mktemp("keys")
    paths = [folder / f"{name}.pem" for name in ("private", "public", "others-private", "others-public")]
    keygen(*paths[:2])
    keygen(*paths[2:])
    return paths


@pytest.fixture(params=FORMS)
def bundle(request, tmp_path):
    """An unsigned bundle, as a folder or a .zip."""
    folder = image_bundle(tmp_path / "made")
    if request.param == "bundle":
        return folder
    install(open_bundle(folder), tmp_path / request.param)
    return tmp_path / request.param


def test_a_signed_bundle_is_known_by_its_key(bundle, keys):
    before = open_bundle(bundle).digest
    signed = sign(open_bundle(bundle), keys[0])
    verify_signature(signed, keys[1])
    assert signed.digest == before and signed.path == bundle
    for name in signed.manifest.files:
        signed.read(name)


def test_another_key_is_refused(bundle, keys):
    signed = sign(open_bundle(bundle), keys[0])
    with pytest.raises(
        BundleError, match=r"not signed with the key .*others-public\.pem, or changed since; do not use"
    ):
        verify_signature(signed, keys[3])


def test_an_unsigned_bundle_is_refused(bundle, keys):
    with pytest.raises(BundleError, match="is not signed; sign it with `python -m export sign`"):
        verify_signature(open_bundle(bundle), keys[1])


def test_a_changed_manifest_is_refused(tmp_path, keys):
    bundle = image_bundle(tmp_path / "made")
    sign(open_bundle(bundle), keys[0])
    outputs = {
        name: output._replace(labels=output.labels[::-1])
        for name, output in read_manifest(bundle).outputs.items()
    }
    change_manifest(bundle, outputs=outputs)  # its checksum fits again
    with pytest.raises(BundleError, match="or changed since"):
        verify_signature(open_bundle(bundle), keys[1])


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "damaged"), (b"x" * 63, "damaged"), (b"x" * 65, "damaged"), (b"x" * 64, "or changed since")],
)
def test_a_damaged_signature_is_refused(tmp_path, keys, content, words):
    bundle = image_bundle(tmp_path / "made")
    sign(open_bundle(bundle), keys[0])
    (bundle / "manifest.json.sig").write_bytes(content)
    with pytest.raises(BundleError, match=words):
        verify_signature(open_bundle(bundle), keys[1])


def test_signing_a_folder_and_packing_it_is_signing_the_zip(tmp_path, keys):
    folder = image_bundle(tmp_path / "made")
    install(open_bundle(folder), tmp_path / "a.zip")
    sign(open_bundle(tmp_path / "a.zip"), keys[0], 3)
    sign(open_bundle(folder), keys[0], 3)
    install(open_bundle(folder), tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_versions_count_up_and_are_signed(bundle, keys, tmp_path):
    for version in (1, 2, 2):
        signed = sign(open_bundle(bundle), keys[0], version)
        assert signed.manifest.bundle_version == version
        verify_signature(signed, keys[1])
    with pytest.raises(UsageError, match="--version is 1, the bundle has 2; versions count up"):
        sign(open_bundle(bundle), keys[0], 1)


def test_a_damaged_bundle_is_not_signed(tmp_path, keys):
    bundle = image_bundle(tmp_path / "made")
    (bundle / "onnx-dynamic.onnx").write_bytes(b"")
    with pytest.raises(BundleError, match=r"onnx-dynamic\.onnx: has 0 bytes"):
        sign(open_bundle(bundle), keys[0])
    assert not (bundle / "manifest.json.sig").exists()


def test_keys_are_never_overwritten_and_the_private_one_is_private(tmp_path):
    private, public = tmp_path / "a.pem", tmp_path / "b.pem"
    keygen(private, public)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes()
    for arguments in ((private, tmp_path / "c.pem"), (tmp_path / "c.pem", public)):
        with pytest.raises(UsageError, match="is there already, and a key is never overwritten"):
            keygen(*arguments)
    assert private.read_bytes() == before and not (tmp_path / "c.pem").exists()


def test_files_that_hold_no_such_key_are_refused(tmp_path, keys, bundle):
    other = ec.generate_private_key(ec.SECP256R1())
    curve = tmp_path / "curve.pem"
    curve.write_bytes(
        other.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        other.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    )
    (tmp_path / "text.pem").write_text("no key")
    (tmp_path / "large.pem").write_bytes(bytes(20_000))
    opened = open_bundle(bundle)
    for path, words in (
        (tmp_path / "absent.pem", "does not exist; give a PEM file with an Ed25519 key"),
        (tmp_path / "text.pem", "no key can be read from it"),
        (tmp_path / "large.pem", "too large for a key"),
        (tmp_path, "no key can be read from it"),
        (curve, "not an Ed25519 public key; `python -m export keygen` makes one"),
        (keys[0], "no key can be read from it"),
    ):
        with pytest.raises(UsageError, match=words):
            verify_signature(opened, path)
    for path in (keys[1], curve, locked, tmp_path / "text.pem"):
        with pytest.raises(UsageError):
            sign(opened, path)


def test_without_cryptography_the_pip_line_is_printed(bundle, keys, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(PackageError, match="needs cryptography; install it with: pip install cryptography"):
        verify_signature(open_bundle(bundle), keys[1])


def test_loading_needs_no_cryptography(bundle, keys):
    sign(open_bundle(bundle), keys[0])
    program = (
        "import sys; sys.modules['cryptography'] = None; import runtime;"
        f"print(runtime.load({str(bundle)!r}, 'tflite-int8').variant)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "tflite-int8\n", done.stderr


def test_the_commands_sign_verify_and_install(tmp_path, capsys):
    bundle, private, public = (
        image_bundle(tmp_path / "made"),
        tmp_path / "private.pem",
        tmp_path / "public.pem",
    )

    def run(command, *words):
        return run_command(command, list(map(str, words)))

    assert run(export_main, "keygen", private, public) == 0
    assert run(main, "verify", bundle, "--variant", "tflite-int8", "--key", public) == 1
    assert "is not signed" in capsys.readouterr().err
    assert run(export_main, "sign", bundle, "--key", private, "--version", 2) == 0
    assert "signed, bundle version 2, manifest " in capsys.readouterr().out
    assert run(main, "verify", bundle, "--variant", "tflite-int8", "--key", public) == 0
    assert f"Signed with the key {public}; bundle version 2." in capsys.readouterr().out
    place = tmp_path / "place"
    assert run(main, "install", bundle, place, "--key", public, "--no-rollback") == 0
    older = shutil.copytree(bundle, tmp_path / "older")
    change_manifest(older, bundle_version=1)
    assert run(main, "install", older, place, "--key", public) == 1
    assert "or changed since" in capsys.readouterr().err
    assert run(main, "install", older, place, "--no-rollback") == 1
    assert "this would go back" in capsys.readouterr().err
    assert open_bundle(place).manifest.bundle_version == 2


def test_a_bundle_behind_a_link_is_signed_in_its_own_place(tmp_path, keys):
    bundle = image_bundle(tmp_path / "made")
    (tmp_path / "link").symlink_to(bundle)
    sign(open_bundle(tmp_path / "link"), keys[0])
    assert (tmp_path / "link").is_symlink()
    verify_signature(open_bundle(bundle), keys[1])
