"""A zip archive has one meaning, or is refused; a bundle's has one form, to the byte."""

import io
import stat
import struct
import tracemalloc
import warnings
import zipfile

import pytest

from runtime.bundle.archive import Archive, write_stored
from runtime.errors import BundleError

FILES = {"manifest.json": b"{}", "a/b.txt": b"some text", "empty": b""}


def stored(files=FILES):
    content = io.BytesIO()
    write_stored(iter(files.items()), content)
    return content.getvalue()


def opened(content, deflated=False, most=10):
    return Archive(lambda at, size: content[at : at + size], len(content), "here.zip", most, deflated)


def everything(content, deflated=False):
    archive = opened(content, deflated)
    return {name: archive.read(name) for name in archive.members}


def foreign(*members, compression=zipfile.ZIP_STORED, mode=stat.S_IFREG | 0o644, date=(1980, 1, 1, 0, 0, 0)):
    """What Python's own zipfile makes of (name, content) pairs."""
    content = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(content, "w", compression) as archive:
        warnings.simplefilter("ignore")  # a name that appears twice
        for name, data in members:
            member = zipfile.ZipInfo(name, date)
            member.create_system, member.external_attr, member.compress_type = 3, mode << 16, compression
            archive.writestr(member, data)
    return content.getvalue()


def changed(content, at, new):
    return content[:at] + new + content[at + len(new) :]


def test_what_was_written_is_read():
    assert everything(stored()) == FILES
    assert everything(stored({})) == {}


def test_the_bytes_are_those_that_pythons_zipfile_writes_and_reads():
    assert stored() == stored() == foreign(*FILES.items())
    with zipfile.ZipFile(io.BytesIO(stored())) as archive:
        assert archive.testzip() is None and archive.namelist() == list(FILES)


def test_more_than_4_gib_is_refused_before_it_is_written(monkeypatch):
    monkeypatch.setattr("runtime.bundle.archive._MOST_BYTES", 100_000)
    with pytest.raises(
        BundleError, match=r"more than 4 GiB, which one \.zip cannot hold; keep it as a folder"
    ):
        stored({"large": bytes(50_000)})


DIRECTORY = stored().index(b"PK\1\2")
END = len(stored()) - 22


TWO_MEANINGS = [
    (b"", "does not end with the end record of a zip archive"),
    (b"PK\5\6", "does not end with the end record of a zip archive"),
    (stored()[:-1], "does not end with the end record of a zip archive"),
    (stored() + b"\0", "does not end with the end record of a zip archive"),
    (b"\0" + stored(), "its end does not fit its directory"),
    (stored()[:DIRECTORY] + b"gap" + stored()[DIRECTORY:], "its end does not fit its directory"),
    (changed(stored(), END + 20, b"\1\0"), "its end does not fit"),  # a comment's length
    (changed(stored(), END + 4, b"\1"), "its end does not fit"),  # another disk
    (changed(stored(), END + 8, b"\2\0\2\0"), "another length than it says"),
    (changed(stored(), END + 8, b"\4\0\4\0"), "another length than it says"),
    (changed(stored(), DIRECTORY, b"XX"), "its directory is damaged"),
    (foreign(("a", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), "'a' is no regular file"),
    (foreign(("a/", b""), mode=stat.S_IFDIR | 0o755), "'a/' is no regular file"),
    (foreign(("a", b"1"), ("a", b"2")), "'a' appears twice"),
    (stored({str(number): b"" for number in range(11)}), "holds more than 10 files"),
    (changed(stored(), DIRECTORY + 46, b"\xff"), "its directory is damaged"),
    (changed(stored(), DIRECTORY + 42, struct.pack("<L", 1)), "overlap, or bytes stand before them"),
]
ANOTHER_FORM = [  # of a bundle; an .npz may have some of them
    (changed(stored(), DIRECTORY + 8, b"\1"), "'manifest.json' is encrypted, compressed or split"),
    (foreign(("a", b"text"), compression=zipfile.ZIP_DEFLATED), "encrypted, compressed or split"),
    (foreign(("a", b"1"), mode=stat.S_IFREG | 0o755), "is not as `python -m runtime pack` writes it"),
    (foreign(("a", b"1"), date=(2026, 1, 1, 0, 0, 0)), "is not as `python -m runtime pack` writes it"),
]


@pytest.mark.parametrize(
    ("content", "words", "deflated"),
    [(*case, deflated) for deflated in (False, True) for case in TWO_MEANINGS]
    + [(*case, False) for case in ANOTHER_FORM],
)
def test_an_archive_with_two_meanings_is_refused(content, words, deflated):
    with pytest.raises(BundleError, match=f"here.zip: not a sound zip archive: .*{words}"):
        opened(content, deflated)


@pytest.mark.parametrize(
    ("at", "new"),
    [(0, b"X"), (4, b"\x15"), (6, b"\1"), (8, b"\x08"), (10, b"\1"), (14, b"\0"), (26, b"\2"), (30, b"M")],
)
def test_a_member_that_contradicts_the_directory_is_refused(at, new):
    with pytest.raises(BundleError, match=r"the member manifest\.json is not what the directory says"):
        everything(changed(stored(), at, new))


def test_a_changed_byte_of_content_fails_its_crc():
    at = stored().index(b"some text")
    for deflated in (False, True):
        with pytest.raises(BundleError, match=r"the member a/b\.txt is damaged"):
            everything(changed(stored(), at, b"S"), deflated)


def test_a_hidden_byte_behind_a_member_is_refused():
    # The first member claims one byte less than there is room for.
    content = changed(stored(), DIRECTORY + 20, struct.pack("<LL", 1, 1))
    content = changed(
        changed(content, DIRECTORY + 16, struct.pack("<L", 0xD3D99E8B)), 14, struct.pack("<L", 0)
    )
    for deflated in (False, True):
        with pytest.raises(BundleError, match=r"manifest\.json is (damaged|not what the directory says)"):
            everything(content, deflated)


@pytest.mark.parametrize("deflated", [False, True])
def test_a_claimed_size_takes_no_memory(deflated):
    content = changed(stored(), DIRECTORY + 20, struct.pack("<LL", 0xF0000000, 0xF0000000))
    tracemalloc.start()
    with pytest.raises(BundleError, match=r"manifest\.json is not what the directory says"):
        everything(content, deflated)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_bomb_unpacks_to_no_more_than_it_says():
    content = bytearray(foreign(("bomb", bytes(50 << 20)), compression=zipfile.ZIP_DEFLATED))
    for at in (22, content.index(b"PK\1\2") + 24):
        content[at : at + 4] = struct.pack("<L", 1000)
    tracemalloc.start()
    with pytest.raises(BundleError, match="does not unpack to what the directory says"):
        everything(bytes(content), deflated=True)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_deflated_members_are_read_where_they_are_allowed():
    content = foreign(*FILES.items(), compression=zipfile.ZIP_DEFLATED)
    assert everything(content, deflated=True) == FILES
