"""Reads flatbuffers that may come from anywhere: every offset is checked before it is followed."""

from collections.abc import Iterator
from struct import Struct, unpack_from
from typing import NoReturn

from runtime.errors import BundleError

# Many offsets may point to one table: without a limit, a file of a megabyte could keep a reader busy for hours.
_MOST_TABLES = 300_000

_INT32, _UINT32, _UINT64 = (Struct(f"<{form}").unpack_from for form in "iIQ")
_VTABLE = Struct("<HH").unpack_from


class Flatbuffer:
    """The bytes of one flatbuffer, and how many of its tables may still be read."""

    def __init__(self, content: bytes, identifier: bytes) -> None:
        self.content = content
        self.tables_left = _MOST_TABLES
        # Many tables share a vtable: the slots and the size of its tables, by the place of the vtable.
        self.vtables: dict[int, tuple[tuple[int, ...], int]] = {}
        if content[4:8] != identifier:
            broken(f"has no identifier {identifier.decode()}")
        self.root = Table(self, _UINT32(content, 0)[0])


def broken(problem: str) -> NoReturn:
    """Raises a BundleError about a file that is not sound."""
    raise BundleError(f"the file {problem}; copy or export it again")


class Table:
    """One table of a flatbuffer. Fields are read by their number in the schema; a missing field has its default.

    Every method raises BundleError where an offset leads out of the file.
    """

    __slots__ = ("_at", "_content", "_file", "_size", "_slots")

    def __init__(self, file: Flatbuffer, at: int) -> None:
        file.tables_left -= 1
        if file.tables_left < 0:
            broken(f"has more than {_MOST_TABLES} parts")
        content = file.content
        if at & 3 or not 8 <= at <= len(content) - 4:
            broken("is truncated or damaged: a table lies outside of it")
        vtable = at - _INT32(content, at)[0]
        known = file.vtables.get(vtable)
        if known is None:
            known = file.vtables[vtable] = _read_vtable(content, vtable)
        self._file, self._content, self._at = file, content, at
        self._slots, self._size = known
        if at + self._size > len(content):
            broken("is truncated or damaged: a table ends outside of it")

    def _place(self, field: int, width: int) -> int:
        """Returns the offset of a field of `width` bytes; 0 where the field is missing."""
        slots = self._slots
        offset = slots[field] if field < len(slots) else 0
        if not offset:
            return 0
        at = self._at + offset
        if offset < 4 or offset + width > self._size or at & (width - 1):
            broken("is damaged: a field lies outside of its table")
        return at

    def has(self, field: int, width: int) -> bool:
        """Says whether the table has a scalar field of `width` bytes."""
        return self._place(field, width) != 0

    def byte(self, field: int) -> int:
        """Returns a uint8, 0 where it is missing."""
        at = self._place(field, 1)
        return self._content[at] if at else 0

    def int32(self, field: int, default: int = 0) -> int:
        """Returns an int32, `default` where it is missing."""
        at = self._place(field, 4)
        value: int = _INT32(self._content, at)[0] if at else default
        return value

    def uint32(self, field: int) -> int:
        """Returns a uint32, 0 where it is missing."""
        at = self._place(field, 4)
        value: int = _UINT32(self._content, at)[0] if at else 0
        return value

    def uint64(self, field: int) -> int:
        """Returns a uint64, 0 where it is missing."""
        at = self._place(field, 8)
        value: int = _UINT64(self._content, at)[0] if at else 0
        return value

    def _follow(self, field: int) -> int:
        at = self._place(field, 4)
        return at + int(_UINT32(self._content, at)[0]) if at else 0

    def vector(self, field: int, width: int) -> tuple[int, int]:
        """Returns the offset and number of a vector's elements of `width` bytes; (0, 0) where it is missing."""
        at = self._follow(field)
        if not at:
            return 0, 0
        if at & 3 or at + 4 > len(self._content):
            broken("is truncated or damaged: a list lies outside of it")
        count: int = _UINT32(self._content, at)[0]
        start = at + 4
        if start + count * width > len(self._content) or (count and start & (width - 1)):
            broken("is truncated or damaged: a list ends outside of it")
        return start, count

    def int32s(self, field: int) -> tuple[int, ...]:
        """Returns the elements of a vector of int32."""
        start, count = self.vector(field, 4)
        return unpack_from(f"<{count}i", self._content, start) if count else ()

    def text(self, field: int) -> str:
        """Returns a string, empty where it is missing; bytes that are no UTF-8 are escaped."""
        start, count = self.vector(field, 1)
        if start and self._content[start + count : start + count + 1] != b"\0":
            broken("is damaged: a string has no end")
        return self._content[start : start + count].decode(errors="backslashreplace")

    def table(self, field: int) -> "Table | None":
        """Returns a table; None where it is missing."""
        at = self._follow(field)
        return Table(self._file, at) if at else None

    def tables(self, field: int) -> Iterator["Table"]:
        """Yields the elements of a vector of tables."""
        start, count = self.vector(field, 4)
        for place in range(start, start + 4 * count, 4):
            yield Table(self._file, place + _UINT32(self._content, place)[0])


def _read_vtable(content: bytes, at: int) -> tuple[tuple[int, ...], int]:
    if at & 1 or not 0 <= at <= len(content) - 4:
        broken("is truncated or damaged: a table's layout lies outside of it")
    length, table_size = _VTABLE(content, at)
    if length < 4 or length & 1 or at + length > len(content) or table_size < 4:
        broken("is truncated or damaged: a table's layout is not sound")
    return unpack_from(f"<{length // 2 - 2}H", content, at + 4), table_size
