"""A record is used as a NamedTuple is."""

import pickle
from typing import NamedTuple

import pytest

from runtime.namedtuples import FastNamedTuple


class Ours(FastNamedTuple):
    """As declared in the runtime."""

    name: str
    size: int
    unit: str | None = None

    @property
    def twice(self):
        return 2 * self.size


class Theirs(NamedTuple):
    """The same, for comparison."""

    name: str
    size: int
    unit: str | None = None


@pytest.mark.parametrize(
    ("values", "named"),
    [(("a", 1), {}), (("a", 1, "µs"), {}), (("a",), {"size": 1}), ((), {"size": 1, "name": "a"})],
)
def test_it_is_made_and_read_as_a_named_tuple(values, named):
    ours, theirs = Ours(*values, **named), Theirs(*values, **named)
    assert (ours.name, ours.size, ours.unit, ours.twice) == (*theirs, 2)
    assert ours == theirs and hash(ours) == hash(theirs) and list(ours) == list(theirs)
    assert ours._asdict() == theirs._asdict() and ours._fields == theirs._fields
    assert ours._replace(unit="ms") == theirs._replace(unit="ms")
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    copy = pickle.loads(pickle.dumps(ours))
    assert copy == ours and type(copy) is Ours


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        (("a",), {}),
        (("a", 1, "µs", 2), {}),
        (("a", 1), {"more": 2}),
        (("a", 1, "µs"), {"name": "b"}),
    ],
)
def test_missing_and_unknown_fields_are_refused(values, named):
    with pytest.raises(TypeError, match="Ours takes name, size, unit"):
        Ours(*values, **named)
    with pytest.raises(TypeError):
        Theirs(*values, **named)


def test_a_record_without_defaults_is_not_made_of_nothing():
    class Bare(FastNamedTuple):
        name: str

    with pytest.raises(TypeError, match="Bare takes name"):
        Bare()


def test_replacing_an_unknown_field_is_refused():
    with pytest.raises(TypeError, match="Ours takes name, size, unit; no more"):
        Ours("a", 1)._replace(size=2, more=3)


def test_a_field_cannot_be_set():
    with pytest.raises(AttributeError):
        Ours("a", 1).name = "b"
