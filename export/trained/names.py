"""The public names of a model's inputs and outputs, and what the user says of some of them by name."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeVar

from runtime.errors import UsageError

_LONGEST = 100
# The key of what the user said without a name.
UNNAMED = ""

Said = TypeVar("Said")


@dataclass(frozen=True)
class Names:
    """The public names of a model's inputs and outputs in their order, and by public name the model's own."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    own: Mapping[str, str]

    @property
    def renamed(self) -> dict[str, str]:
        """By public name the model's own, where it is another."""
        return {public: own for public, own in self.own.items() if public != own}


def public_names(inputs: Sequence[str], outputs: Sequence[str]) -> Names:
    """Names of `A–Z a–z 0–9 _` that begin with a letter, as near to the model's own as can be.

    They differ in more than capital letters.  TensorFlow would change others: it writes names of tensors in small
    letters, and puts `arg_` before what is no letter.
    """
    taken: list[str] = []
    for own, clash in [*((name, "_input") for name in inputs), *((name, "_output") for name in outputs)]:
        taken.append(_free(own, clash, {name.lower() for name in taken}))
    own_names = dict(zip(taken, [*inputs, *outputs], strict=True))
    return Names(tuple(taken[: len(inputs)]), tuple(taken[len(inputs) :]), own_names)


def _free(own: str, clash: str, taken: Set[str]) -> str:
    plain = re.sub(r"[^A-Za-z0-9_]", "_", own)[: _LONGEST - 20] or clash.removeprefix("_")
    if not plain[0].isalpha():
        plain = f"{clash.removeprefix('_')}_{plain.lstrip('_')}".rstrip("_")
    numbered = (f"{plain}{clash}_{number}" for number in itertools.count(2))
    candidates = itertools.chain((plain, f"{plain}{clash}"), numbered)
    return next(name for name in candidates if name.lower() not in taken)


def by_public_name(
    option: str, said: Mapping[str, Said], names: Names, candidates: Sequence[str], what: str
) -> dict[str, Said]:
    """What an option says, by public name.

    Args:
        option: its name, for errors.
        said: by the model's own or the public name; what was said without a name has the key `UNNAMED`, and is of the
            only candidate.
        names: of the model.
        candidates: the public names that the option can be about.
        what: what a candidate is, for errors: "output with classes".

    Raises:
        UsageError: a name is unknown, or none was given and there is not one candidate.
    """
    of_own = {names.own[name]: name for name in candidates} | {name: name for name in candidates}
    found: dict[str, Said] = {}
    for name, value in said.items():
        if name == UNNAMED and len(candidates) == 1:
            name = candidates[0]
        if name == UNNAMED:
            there = ", ".join(candidates) or "none"
            raise UsageError(
                f"{option} {shown(value)} names no {what}, and the model has {there}; "
                + (f"write {option} {candidates[0]}=…" if candidates else "leave it out")
            )
        if name not in of_own:
            raise UsageError(
                f"{option} {name}={shown(value)}: the model has no {what} of this name; it has "
                f"{', '.join(candidates) or 'none'}"
            )
        found[of_own[name]] = value
    return found


def shown(value: object) -> str:
    """What the user said, as they typed it."""
    if isinstance(value, tuple | list):
        return ",".join("" if item is None else str(item) for item in value)
    return str(value)
