"""Bundles in their place on a device, as a folder or one file: whole or not at all, never older unless allowed."""

import errno
import random
from functools import partial

import pytest

import runtime
from runtime import atomic
from runtime.atomic import alone_in
from runtime.bundle.install import contents, install
from runtime.bundle.manifest_json import to_json
from runtime.bundle.reader import open_bundle
from runtime.commands.table import kib
from runtime.errors import BundleError, UsageError
from tests.bundles import change_manifest, image_bundle, table_bundle
from tests.campaigns import faults

FORMS = ("place", "place.zip")


@pytest.fixture
def both(tmp_path):
    """Two bundles of different models with files of the same names, opened."""
    return open_bundle(image_bundle(tmp_path / "image")), open_bundle(table_bundle(tmp_path / "table"))


def whole(place):
    """The model's name, every file of its bundle compared with the manifest."""
    bundle = open_bundle(place)
    for _ in contents(bundle):
        pass
    return bundle.manifest.model


def beside(place):
    return {path.name for path in place.parent.iterdir()} - {place.name, "image", "table"}


@pytest.mark.parametrize("form", FORMS)
def test_what_is_installed_is_the_bundle(both, tmp_path, form, golden):
    install(both[0], tmp_path / form)
    found = open_bundle(tmp_path / form)
    assert dict(contents(found)) == dict(contents(both[0])) and found.digest == both[0].digest
    assert runtime.load(tmp_path / form).predict(golden["images"][:1]).shape == (1, 3)
    assert not beside(tmp_path / form)


def test_a_zip_has_the_same_bytes_whatever_it_was_made_from(both, tmp_path):
    install(both[0], tmp_path / "a.zip")
    install(both[0], tmp_path / "folder")
    install(open_bundle(tmp_path / "a.zip"), tmp_path / "b.zip")
    (tmp_path / "folder" / "notes.txt").write_text("the manifest does not name this")
    install(open_bundle(tmp_path / "folder"), tmp_path / "c.zip")
    contents_ = {(tmp_path / name).read_bytes() for name in ("a.zip", "b.zip", "c.zip")}
    assert len(contents_) == 1


@pytest.mark.parametrize("form", FORMS)
def test_an_update_leaves_nothing_of_the_old_bundle(both, tmp_path, form):
    for bundle in (*both, both[0]):
        install(bundle, tmp_path / form)
        assert whole(tmp_path / form) == bundle.manifest.model
    if form == "place":
        install(both[1], tmp_path / form)
        names = {path.name for path in (tmp_path / form).iterdir()}
        assert names == {"manifest.json", *both[1].manifest.files}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["golden.npz", "onnx-dynamic.onnx", "manifest.json"])
def test_a_damaged_source_changes_nothing(both, tmp_path, form, name):
    install(both[1], tmp_path / form)
    content = bytearray((both[0].path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (both[0].path / name).write_bytes(content)
    with pytest.raises(BundleError, match=r"damaged|has changed since it was opened"):
        install(both[0], tmp_path / form)
    assert whole(tmp_path / form) == "tiny-table" and not beside(tmp_path / form)


@pytest.mark.parametrize("form", FORMS)
def test_a_rollback_is_refused_when_asked_to(both, tmp_path, form):
    source = both[0].path
    for version, refuse, words in (
        (3, True, None), (3, True, None), (2, True, r"has the bundle version 2, and .* already has 3"),
        (4, True, None), (2, False, None),
    ):  # fmt: skip
        change_manifest(source, bundle_version=version)
        if words:
            with pytest.raises(BundleError, match=words):
                install(open_bundle(source), tmp_path / form, refuse_rollback=refuse)
            assert open_bundle(tmp_path / form).manifest.bundle_version == 3
        else:
            install(open_bundle(source), tmp_path / form, refuse_rollback=refuse)
            assert open_bundle(tmp_path / form).manifest.bundle_version == version


def test_places_that_are_none_are_refused(both, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("dear")
    (tmp_path / "letters.zip").mkdir()
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to(tmp_path / "letters")
    for name, words in (
        ("absent/place", r"the folder .*absent does not exist; make it first"),
        ("letters", r"a folder that is no bundle; move it away"),
        ("letters.zip", "a folder that is no bundle"),
        ("file", r"is a file; give a folder, or a name that ends in \.zip"),
        ("link", "is a symbolic link; give the place it leads to"),
        ("image", "is the bundle itself; give another place"),
    ):
        with pytest.raises(UsageError, match=words):
            install(both[0], tmp_path / name)
    assert (tmp_path / "letters" / "a.txt").read_text() == "dear"
    (tmp_path / "empty").mkdir()
    install(both[0], tmp_path / "empty")
    assert whole(tmp_path / "empty") == "tiny-image"


def test_two_installs_do_not_get_into_each_others_way(both, tmp_path):
    with alone_in(tmp_path) as alone, pytest.raises(UsageError, match="another install is at work in"):
        assert alone
        install(both[0], tmp_path / "place")
    install(both[0], tmp_path / "place")


def test_what_a_killed_install_left_is_removed_by_the_next(both, tmp_path):
    (tmp_path / ".place.new-1234").mkdir()
    (tmp_path / ".place.new-1234" / "golden.npz").write_text("half")
    install(both[0], tmp_path / "place")
    assert not beside(tmp_path / "place")


def test_a_manifest_that_changes_in_the_middle_is_refused(both, tmp_path):
    text = to_json(both[0].manifest._replace(bundle_version=9))
    (both[0].path / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match="has changed since it was opened; try again"):
        install(both[0], tmp_path / "place")
    assert not (tmp_path / "place").exists() and not beside(tmp_path / "place")


@pytest.mark.parametrize("fails", [False, True])
def test_where_folders_cannot_be_exchanged_the_old_one_is_moved_aside(both, tmp_path, monkeypatch, fails):
    install(both[0], tmp_path / "place")
    monkeypatch.setattr(atomic, "_exchange", lambda first, second: False)
    if fails:
        rename = type(tmp_path).rename
        monkeypatch.setattr(
            type(tmp_path), "rename",
            lambda path, to: rename(path, to) if ".new-" not in str(path) else faults._fail(errno.EIO),
        )  # fmt: skip
        with pytest.raises(OSError, match="Input/output error"):
            install(both[1], tmp_path / "place")
    else:
        install(both[1], tmp_path / "place")
    assert whole(tmp_path / "place") == ("tiny-image" if fails else "tiny-table")
    assert not beside(tmp_path / "place")


@pytest.mark.parametrize("form", FORMS)
def test_no_fault_leaves_a_mixture(both, tmp_path, form):
    place = tmp_path / form
    known = {bundle.manifest.model for bundle in both}
    install(both[0], place)
    calls = faults.calls_of(partial(install, both[1], place))
    assert calls > 15
    for call in range(calls):
        update = partial(install, both[call % 2], place)
        faults.kill_at(call, update)
        assert whole(place) in known
        if call % 3 == 0:
            faults.fail_at(call, errno.ENOSPC, update)
            assert whole(place) in known
    chance = random.Random(3)
    for turn in range(10):
        faults.cut_files_at(chance.randrange(20_000), partial(install, both[turn % 2], place))
        assert whole(place) in known
        faults.kill_at_random(partial(install, both[turn % 2], place), 0.02, chance)
        assert whole(place) in known
    install(both[0], place)
    assert not beside(place)


def test_the_faults_would_show_a_mixture(both, tmp_path):
    place = tmp_path / "place"

    def in_place(bundle):
        for name, content in contents(bundle):
            (place / name).write_bytes(content)

    install(both[0], place)
    mixtures = 0
    for call in range(faults.calls_of(partial(in_place, both[1]))):
        in_place(both[0])
        faults.kill_at(call, partial(in_place, both[1]))
        try:
            whole(place)
        except BundleError:
            mixtures += 1
    assert mixtures


def test_the_commands_say_what_is_in_place_now(both, tmp_path, capsys):
    from runtime.__main__ import main

    digest = both[0].digest
    assert main(["pack", str(both[0].path), str(tmp_path / "b.zip")]) == 0
    size = kib((tmp_path / "b.zip").stat().st_size)
    assert capsys.readouterr().out == f"{tmp_path}/b.zip: {size} KiB, tiny-image, manifest {digest}\n"
    assert main(["install", str(tmp_path / "b.zip"), str(tmp_path / "place"), "--no-rollback"]) == 0
    out = capsys.readouterr().out
    assert out == f"{tmp_path}/place: tiny-image, bundle version 0, manifest {digest}\n"
    with pytest.raises(UsageError, match=r"does not end in \.zip; give FILE\.zip"):
        main(["pack", str(both[0].path), str(tmp_path / "b.tar")])
    for command in ("info", "verify"):
        assert main([command, str(tmp_path / "b.zip")]) == 0
