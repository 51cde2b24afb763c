"""Damage of any kind, anywhere in a bundle, is refused before an engine is given a byte; a short campaign."""

import random

import pytest

from runtime.bundle.install import install
from runtime.bundle.reader import Bundle, open_bundle
from tests.campaigns import corruption


@pytest.mark.parametrize("form", ["bundle", "bundle.zip"])
def test_damage_is_refused(sound, tmp_path, form):
    install(open_bundle(sound), tmp_path / form)
    outcomes = list(corruption.corrupted(tmp_path / form, 250, random.Random(form)))
    assert [what for what, found in outcomes if found != "refused"] == []
    assert {what for what, _ in outcomes} == {*corruption.DAMAGE, "swapped files"}
    # Mended again: the campaign has damaged one thing at a time.
    assert not corruption.refused(tmp_path / form, corruption.Sound(tmp_path / form), set())


def test_every_byte_of_a_zips_headers_counts(table_bundle, tmp_path):
    path = tmp_path / "bundle.zip"
    install(open_bundle(table_bundle), path)
    content = path.read_bytes()
    sound = corruption.Sound(path)
    parts = {content.index(name.encode()) - 30 for name in sound.names}  # the local headers
    directory = int.from_bytes(content[-6:-2], "little")
    for at in sorted(parts | set(range(directory, len(content)))):
        for byte in range(at, at + 30 if at in parts else at + 1):
            path.write_bytes(content[:byte] + bytes([content[byte] ^ 1 << byte % 8]) + content[byte + 1 :])
            assert corruption.refused(path, sound, set()), byte


def test_the_campaign_sees_a_check_that_is_missing(sound, tmp_path, monkeypatch):
    install(open_bundle(sound), tmp_path / "bundle")
    monkeypatch.setattr(
        Bundle, "read", lambda self, name: self.read_member(name, self.manifest.files[name].size_bytes)
    )
    found = [found for _, found in corruption.corrupted(tmp_path / "bundle", 50, random.Random(1))]
    assert found.count("NOT REFUSED") > 25
