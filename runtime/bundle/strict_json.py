"""Reads JSON that may come from anywhere: no key twice, no NaN, fields of one type, errors that name the place."""

import json
import math
from collections.abc import Iterator
from typing import Any, NoReturn

from runtime.errors import BundleError, EdgeProofError

_PATH_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")


def parse_object(text: str | bytes, where: str, kind: type["Fields"] | None = None) -> "Fields":
    """Reads the JSON object in `text`.

    Args:
        text: UTF-8, where it is bytes.
        where: its name, for errors.
        kind: what kind of file it is; None for a file of a bundle.

    Raises:
        BundleError: the text is anything but one sound object. Another kind of file raises its own error.
    """
    kind = kind or Fields
    try:
        # json.loads alone would take UTF-16 and UTF-32 bytes too.
        text = text.decode() if isinstance(text, bytes) else text
        value = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
    except RecursionError:
        raise kind.error(f"{where}: nested too deeply to be read") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise kind.error(f"{where}: not valid JSON ({error}); {kind.remedy}") from None
    return kind(value, where)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers of a duplicate key may see two different values: one of them would be the attacker's.
    values = dict(pairs)
    if len(values) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice[:80]!r} appears twice")
    for name in values:
        if not name.isprintable() or len(name) > 255:
            raise ValueError(f"the key {name[:80]!r} is not 1 to 255 printable characters")
    return values


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


class Fields:
    """One JSON object and its place. Each method reads a required key of one type; keys that nobody reads are ignored.

    Every method raises an error where the key is missing or has a value of another type. A subclass is for files of
    another kind: `error` is what it raises, `remedy` says how the user mends such a file.
    """

    error: type[EdgeProofError] = BundleError
    remedy = "export the bundle again"

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise self.error(f"{where}: must be an object, not {_type_name(value)}")
        self._values: dict[str, Any] = value
        self.where = where

    def refuse(self, key: str, problem: str) -> NoReturn:
        """Raises the error about one key."""
        raise self.error(f"{self.where}: {key!r} {problem}")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def has(self, key: str) -> bool:
        """Says whether a key that may be missing is there, and not null."""
        return self._values.get(key) is not None

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def value(self, key: str) -> Any:
        """Returns the value as it is."""
        if key not in self._values:
            raise self.error(f"{self.where}: the key {key!r} is missing; {self.remedy}")
        return self._values[key]

    def text(self, key: str, longest: int = 1000) -> str:
        """Returns a string of 1 to `longest` printable characters."""
        value = self.value(key)
        if not isinstance(value, str):
            self.refuse(key, f"must be a string, not {_type_name(value)}")
        # Printable only: these strings are shown on terminals.
        if not 0 < len(value) <= longest or not value.isprintable():
            self.refuse(key, f"must be 1 to {longest} printable characters")
        return value

    def one_of(self, key: str, known: tuple[str, ...]) -> str:
        """Returns a string that is one of `known`."""
        value = self.text(key)
        if value not in known:
            self.refuse(key, f"is {value[:80]!r}; known: {', '.join(known)}")
        return value

    def path(self, key: str) -> str:
        """Returns the name of a file in a bundle."""
        path = self.text(key, 255)
        if not is_safe_path(path):
            self.refuse(key, f"is {path[:80]!r}, not a safe path inside the bundle")
        return path

    def optional_text(self, key: str) -> str | None:
        """Returns a string, or None for null."""
        return None if self.value(key) is None else self.text(key)

    def integer(self, key: str, low: int, high: int) -> int:
        """Returns a whole number from `low` to `high`, both included."""
        value = self.value(key)
        if type(value) is not int:  # bool is an int, and true is not a size
            self.refuse(key, f"must be a whole number, not {_type_name(value)}")
        if not low <= value <= high:
            self.refuse(key, f"is {str(value)[:40]}; it must be from {low} to {high}")
        return value

    def number(self, key: str) -> float:
        """Returns a finite number."""
        return self._number(key, self.value(key))

    def _number(self, key: str, value: Any) -> float:
        if type(value) not in (int, float):
            self.refuse(key, f"must be a number, not {_type_name(value)}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.refuse(key, "must be a finite number")
        return number

    def numbers(self, key: str, most: int) -> tuple[float, ...]:
        """Returns a list of at most `most` finite numbers."""
        return tuple([self._number(key, item) for item in self.items(key, most)])

    def optional_number(self, key: str) -> float | None:
        """Returns a finite number, or None for null."""
        return None if self.value(key) is None else self.number(key)

    def optional_count(self, key: str) -> int | None:
        """A whole number from 0 to 2^53, or null."""
        return None if self.value(key) is None else self.integer(key, 0, 1 << 53)

    def items(self, key: str, most: int) -> list[Any]:
        """Returns a list of at most `most` items of any type."""
        value = self.value(key)
        if not isinstance(value, list):
            self.refuse(key, f"must be a list, not {_type_name(value)}")
        if len(value) > most:
            self.refuse(key, f"has {len(value)} items; at most {most} are allowed")
        return value

    def texts(self, key: str, most: int) -> tuple[str, ...]:
        """Returns a list of at most `most` strings of 1 to 1,000 printable characters."""
        found = self.optional_texts(key, most)
        if None in found:
            self.refuse(key, f"must hold strings of 1 to 1000 printable characters, not {_type_name(None)}")
        return found  # type: ignore[return-value]

    def optional_texts(self, key: str, most: int) -> tuple[str | None, ...]:
        """Returns a list of at most `most` items: null, or strings of 1 to 1,000 printable characters."""
        found = self.items(key, most)
        for item in found:
            sound = isinstance(item, str) and 0 < len(item) <= 1000 and item.isprintable()
            if item is not None and not sound:
                self.refuse(key, f"must hold strings of 1 to 1000 printable characters, not {_shown(item)}")
        return tuple(found)

    def fields(self, key: str, most: int = 100) -> "Fields":
        """Returns a nested object of at most `most` keys."""
        inner = type(self)(self.value(key), f"{self.where}: {key}")
        if len(inner) > most:
            self.refuse(key, f"has {len(inner)} keys; at most {most} are allowed")
        return inner


def is_safe_path(path: str) -> bool:
    """Says whether a path stays inside the bundle on every system: no "..", no hidden, absolute or drive names."""
    segments = path.split("/")
    return (
        len(path) <= 255
        and len(segments) <= 8
        and all(
            segment and segment[0] not in ".-" and _PATH_CHARACTERS.issuperset(segment)
            for segment in segments
        )
    )


def _type_name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    return repr(value)[:60] if isinstance(value, str) else _type_name(value)
