"""Reads the wire format of protobuf from bytes that may come from anywhere: nothing outside of a message is read."""

from collections.abc import Iterator

from runtime.requirements.flatbuffer import broken

# Files of edgeproof have far fewer. Without a limit, a small file could keep a reader busy for hours.
_MOST_FIELDS = 2_000_000
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Message:
    """One message in a file: `content` from `start` to `end`. All messages of a file share one limit of fields."""

    __slots__ = ("_budget", "_content", "_end", "_start")

    def __init__(
        self, content: bytes, start: int = 0, end: int | None = None, budget: list[int] | None = None
    ) -> None:
        self._content, self._start = content, start
        self._end = len(content) if end is None else end
        self._budget = [_MOST_FIELDS] if budget is None else budget

    def fields(self) -> Iterator[tuple[int, "int | Message"]]:
        """Yields the number and the value of each field: a whole number, or the field's bytes as another message.

        Raises:
            BundleError: the bytes are no protobuf, or a field ends outside of the message.
        """
        content, at, end, budget = self._content, self._start, self._end, self._budget
        while at < end:
            budget[0] -= 1
            if budget[0] < 0:
                broken(f"has more than {_MOST_FIELDS} parts")
            tag, at = _varint(content, at, end)
            number, kind = tag >> 3, tag & 7
            if not number:
                broken("is damaged: it is no protobuf")
            if kind == _BYTES:
                size, at = _varint(content, at, end)
                if size > end - at:
                    broken("is truncated or damaged: a part ends outside of it")
                yield number, Message(content, at, at + size, budget)
                at += size
            elif kind == _VARINT:
                value, at = _varint(content, at, end)
                yield number, value
            elif kind in (_FIXED32, _FIXED64):
                width = 4 if kind == _FIXED32 else 8
                if width > end - at:
                    broken("is truncated or damaged: a number ends outside of it")
                yield number, int.from_bytes(content[at : at + width], "little")
                at += width
            else:
                broken("is damaged: it is no protobuf")

    def text(self) -> str:
        """Returns the first 200 bytes as a string; bytes that are no UTF-8 are escaped."""
        end = min(self._end, self._start + 200)
        return self._content[self._start : end].decode(errors="backslashreplace")


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """Returns a number, and the offset behind it."""
    value = shift = 0
    while at < end and shift < 70:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
    else:
        broken("is truncated or damaged: a number has no end")
    return value & 0xFFFF_FFFF_FFFF_FFFF, at
