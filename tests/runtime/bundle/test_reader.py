"""A bundle's files are read only as the bytes its manifest names."""

import os

import pytest

from runtime.bundle.archive import write_stored
from runtime.bundle.install import contents
from runtime.bundle.reader import open_bundle, read_manifest
from runtime.errors import BundleError
from tests.bundles import change_manifest


def test_every_file_can_be_read(image_bundle):
    bundle = open_bundle(image_bundle)
    assert bundle.manifest == read_manifest(str(image_bundle))
    for name in bundle.manifest.files:
        assert bundle.read(name) == (image_bundle / name).read_bytes()


def test_the_digest_changes_with_the_manifest(image_bundle, spoilt):
    assert open_bundle(spoilt).digest == open_bundle(image_bundle).digest
    change_manifest(spoilt, model="tiny-other")
    assert open_bundle(spoilt).digest != open_bundle(image_bundle).digest


def test_a_folder_may_be_named_by_a_link(image_bundle, tmp_path):
    (tmp_path / "link").symlink_to(image_bundle)
    assert open_bundle(tmp_path / "link").read("golden.npz")


def test_files_that_the_manifest_does_not_name_are_not_read(image_bundle):
    with pytest.raises(BundleError, match=r"names no file 'manifest\.json'"):
        open_bundle(image_bundle).read("manifest.json")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("absent", "does not exist; a bundle is made by"),
        ("file", "not a sound zip archive: it does not end with the end record of a zip archive"),
    ],
)
def test_what_is_no_bundle_is_refused(tmp_path, path, words):
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match=words):
        open_bundle(tmp_path / path)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(BundleError, match=r"manifest\.json: missing"):
        open_bundle(tmp_path)


def test_a_missing_file_is_named(spoilt):
    (spoilt / "tflite-int8.tflite").unlink()
    with pytest.raises(BundleError, match=r"tflite-int8\.tflite: missing; copy or export the bundle again"):
        open_bundle(spoilt).read("tflite-int8.tflite")


def test_a_read_error_is_named(spoilt, monkeypatch):
    def fail(path, flags, **kwargs):
        if path == "tflite-int8.tflite":
            raise OSError(5, "Input/output error")
        return real(path, flags, **kwargs)

    real = os.open
    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(BundleError, match="cannot be read: Input/output error"):
        open_bundle(spoilt).read("tflite-int8.tflite")


def zipped(bundle, path, **more):
    """A sound .zip of a bundle with more members, or other ones."""
    files = dict(contents(open_bundle(bundle))) | more
    with path.open("wb") as file:
        write_stored(iter(files.items()), file)
    return path


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "notes.txt", "saved/../manifest.json"])
def test_a_zip_holds_nothing_that_its_manifest_does_not_name(image_bundle, tmp_path, name):
    path = zipped(image_bundle, tmp_path / "b.zip", **{name: b"x"})
    with pytest.raises(BundleError, match=f"holds '{name}', which its manifest does not name"):
        open_bundle(path)


def test_members_of_another_size_are_refused_unread(image_bundle, tmp_path):
    large = zipped(image_bundle, tmp_path / "large.zip", **{"golden.npz": bytes(1 << 20)})
    with pytest.raises(BundleError, match="has 1048576 bytes, allowed are"):
        open_bundle(large).read("golden.npz")
    small = zipped(image_bundle, tmp_path / "small.zip", **{"golden.npz": b"x"})
    with pytest.raises(BundleError, match=r"golden\.npz: has 1 bytes, the manifest says"):
        open_bundle(small).read("golden.npz")


def test_a_zip_that_lacks_a_file_says_which(image_bundle, tmp_path):
    files = dict(contents(open_bundle(image_bundle)))
    for name in ("manifest.json", "golden.npz"):
        with (tmp_path / "b.zip").open("wb") as file:
            write_stored(((key, content) for key, content in files.items() if key != name), file)
        with pytest.raises(BundleError, match=f"{name}: missing"):
            open_bundle(tmp_path / "b.zip").read(name)


def test_a_zip_has_one_order(image_bundle, tmp_path):
    with (tmp_path / "b.zip").open("wb") as file:
        write_stored(reversed(list(contents(open_bundle(image_bundle)))), file)
    with pytest.raises(BundleError, match="not in the order in which `python -m runtime pack` writes them"):
        open_bundle(tmp_path / "b.zip")


def test_a_zip_that_is_exchanged_while_it_is_open_is_refused(image_bundle, table_bundle, tmp_path):
    path = zipped(image_bundle, tmp_path / "b.zip")
    bundle = open_bundle(path)
    zipped(table_bundle, path)
    for name in bundle.manifest.files:
        with pytest.raises(BundleError):
            bundle.read(name)
    path.unlink()
    with pytest.raises(BundleError, match="cannot be read: No such file"):
        bundle.read("golden.npz")
