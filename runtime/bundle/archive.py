"""Reads zip archives strictly, and writes those of bundles: every byte has one meaning, and sizes are bounded."""

import zlib
from collections.abc import Callable, Iterator
from struct import Struct, error
from typing import BinaryIO

from runtime.errors import BundleError
from runtime.namedtuples import FastNamedTuple

_END = Struct("<4s4H2LH")
_ENTRY = Struct("<4s6H3L5H2L")
_LOCAL = Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_UTF8 = 0x800
_ZIP64_SIZE = 0xFFFFFFFF
_ZIP64_EXTRA = Struct("<HHQQ")
_MAX_DIRECTORY_BYTES = 8 << 20
_MOST_BYTES = (1 << 32) - _MAX_DIRECTORY_BYTES
# Every member of a bundle's .zip is marked as: made on Unix, for zip 2.0, on the first day a zip knows, a regular file.
_MADE_BY, _VERSION, _TIME, _DATE, _MODE = 3 << 8 | 20, 20, 0, 1 << 5 | 1, 0o100644 << 16
_FILE_KINDS = (0, 0o100000)  # the kinds in a Unix mode that are allowed: none given, or a regular file

ReadAt = Callable[[int, int], bytes]  # (offset, number of bytes) -> those bytes, fewer at the end of the file


class Member(FastNamedTuple):
    """One file of an archive, as the directory describes it.

    Attributes:
        name: its name, as UTF-8.
        header: the offset of its local header.
        end: the offset at which the next member or the directory begins.
        method: 0 for stored, 8 for deflated.
        crc32: the CRC-32 of its unpacked bytes.
        packed_bytes: how many bytes it takes in the archive.
        size_bytes: how many bytes it has unpacked.
    """

    name: bytes
    header: int
    end: int
    method: int
    crc32: int
    packed_bytes: int
    size_bytes: int


class Archive:
    """The members of a zip archive.

    Accepts only archives written by `write_stored`, or by numpy where `deflated` is set; rejects anything ambiguous:
    bytes before, between or behind the members, names that appear twice, members that contradict the directory,
    encryption, comments, links.

    Args:
        read_at: reads bytes of the archive.
        size_bytes: the size of the archive.
        where: its name, for errors.
        most: how many members it may have.
        deflated: whether members may be deflated, and their headers be as numpy writes them.

    Raises:
        BundleError: the archive is not of the accepted form.
    """

    def __init__(self, read_at: ReadAt, size_bytes: int, where: str, most: int, deflated: bool) -> None:
        self._read_at = read_at
        self._where = where
        self._methods = (_STORED, _DEFLATED) if deflated else (_STORED,)
        self._exact = not deflated
        try:
            self.members = self._directory(size_bytes, most)
        except (error, UnicodeDecodeError):
            raise self.broken("its directory is damaged") from None

    def broken(self, problem: str) -> BundleError:
        """Returns the BundleError for this archive, to be raised."""
        return BundleError(f"{self._where}: not a sound zip archive: {problem}; copy or export it again")

    def read(self, name: str) -> bytes:
        """Returns the unpacked bytes of one member, never more than the directory says.

        Raises:
            BundleError: the member is not as the directory says; its CRC-32 is checked too.
        """
        member = self.members[name]
        if self._exact:
            return self._read_exact(name, member)
        try:
            signature, _, flags, method, _, _, crc32, packed, size, name_bytes, extra_bytes = _LOCAL.unpack(
                self._read_at(member.header, _LOCAL.size)
            )
            names = self._read_at(member.header + _LOCAL.size, name_bytes + extra_bytes)
            if packed == size == _ZIP64_SIZE:  # numpy puts the sizes into an extra field
                kind, _, size, packed = _ZIP64_EXTRA.unpack(names[name_bytes:])
                signature = signature if kind == 1 else b""
        except error:
            raise self.broken(f"the member {name} is damaged") from None
        start = member.header + _LOCAL.size + name_bytes + extra_bytes
        found = (signature, flags & ~_UTF8, method, crc32, packed, size, names[:name_bytes])
        said = (b"PK\3\4", 0, *member[3:], member.name)
        if found != said or start + member.packed_bytes != member.end:
            raise self.broken(f"the member {name} is not what the directory says")
        content = self._read_at(start, member.packed_bytes)
        if member.method == _DEFLATED:
            unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                content = unpacker.decompress(content, member.size_bytes + 1)
            except zlib.error:
                content = b""
            if not unpacker.eof or unpacker.unused_data:
                raise self.broken(f"the member {name} does not unpack to what the directory says")
        if len(content) != member.size_bytes or zlib.crc32(content) != member.crc32:
            raise self.broken(f"the member {name} is damaged")
        return content

    def _read_exact(self, name: str, member: Member) -> bytes:
        header = _local_header(member.name, member.crc32, member.size_bytes)
        if self._read_at(member.header, len(header)) != header:
            raise self.broken(f"the member {name} is not what the directory says")
        content = self._read_at(member.header + len(header), member.size_bytes)
        if zlib.crc32(content) != member.crc32 or member.header + len(header) + len(content) != member.end:
            raise self.broken(f"the member {name} is damaged")
        return content

    def _directory(self, size_bytes: int, most: int) -> dict[str, Member]:
        end_at = size_bytes - _END.size
        if end_at < 0:
            raise self.broken("it does not end with the end record of a zip archive")
        signature, disk, first_disk, here, count, length, start, comment = _END.unpack(
            self._read_at(end_at, _END.size)
        )
        if signature != b"PK\5\6":
            raise self.broken("it does not end with the end record of a zip archive")
        if disk or first_disk or here != count or comment or start + length != end_at:
            raise self.broken("its end does not fit its directory")
        if count > most or length > _MAX_DIRECTORY_BYTES:
            raise self.broken(f"it holds more than {most} files")
        content = self._read_at(start, length)
        entries: list[Member] = []
        names: list[str] = []
        at = 0
        while at < length:
            fields = _ENTRY.unpack_from(content, at)
            (
                signature,
                made_by,
                _,
                flags,
                method,
                _,
                _,
                crc32,
                packed,
                size,
                *lengths,
                disk,
                _,
                mode,
                header,
            ) = fields
            name_bytes, extra_bytes, comment = lengths
            raw = content[at + _ENTRY.size : at + _ENTRY.size + name_bytes]
            names.append(raw.decode())
            if signature != b"PK\1\2" or len(raw) != name_bytes:
                raise self.broken("its directory is damaged")
            if flags & ~_UTF8 or method not in self._methods or comment or disk:
                raise self.broken(
                    f"the member {names[-1][:80]!r} is encrypted, compressed or split"
                    if _DEFLATED not in self._methods
                    else f"the member {names[-1][:80]!r} is packed in an unknown way"
                )
            if made_by >> 8 == 3 and mode >> 16 & 0o170000 not in _FILE_KINDS:
                raise self.broken(f"the member {names[-1][:80]!r} is no regular file")
            entry_bytes = _ENTRY.size + name_bytes + extra_bytes
            if self._exact and content[at : at + entry_bytes] != _directory_entry(raw, crc32, size, header):
                raise self.broken(
                    f"the member {names[-1][:80]!r} is not as `python -m runtime pack` writes it"
                )
            entries.append(Member(raw, header, 0, method, crc32, packed, size))
            at += entry_bytes
        if at != length or len(entries) != count:
            raise self.broken("its directory has another length than it says")
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise self.broken(f"the member {twice[:80]!r} appears twice")
        # Every byte belongs to exactly one member: each begins where the one before ends, and no room is left.
        begins = [entry.header for entry in entries] + [start]
        if begins[0] != 0 or begins != sorted(set(begins)):
            raise self.broken("its members overlap, or bytes stand before them")
        return {
            name: entry._replace(end=following)
            for name, entry, following in zip(names, entries, begins[1:], strict=True)
        }


def write_stored(files: Iterator[tuple[str, bytes]], file: BinaryIO) -> None:
    """Writes (name, content) pairs as a zip: the same bytes for the same files, on every machine and day.

    Raises:
        BundleError: the files have more than 4 GiB, which a zip without ZIP64 cannot hold.
    """
    directory, at = [], 0
    for path, content in files:
        name, crc32 = path.encode(), zlib.crc32(content)
        if at + len(content) + 0xFFFF > _MOST_BYTES:
            raise BundleError(
                "the bundle has more than 4 GiB, which one .zip cannot hold; keep it as a folder"
            )
        header = _local_header(name, crc32, len(content))
        file.write(header)
        file.write(content)
        directory.append(_directory_entry(name, crc32, len(content), at))
        at += len(header) + len(content)
    entries = b"".join(directory)
    file.write(entries + _END.pack(b"PK\5\6", 0, 0, len(directory), len(directory), len(entries), at, 0))


def _local_header(name: bytes, crc32: int, size_bytes: int) -> bytes:
    sizes = (size_bytes, size_bytes, len(name), 0)
    return _LOCAL.pack(b"PK\3\4", _VERSION, 0, _STORED, _TIME, _DATE, crc32, *sizes) + name


def _directory_entry(name: bytes, crc32: int, size_bytes: int, header: int) -> bytes:
    sizes = (size_bytes, size_bytes, len(name), 0, 0, 0, 0)
    made = (_MADE_BY, _VERSION, 0, _STORED, _TIME, _DATE)
    return _ENTRY.pack(b"PK\1\2", *made, crc32, *sizes, _MODE, header) + name
