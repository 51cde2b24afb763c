"""Finds the fewest groups of layers to keep in a higher scheme so that a file meets the budget.

The groups are ranked by what each of them, kept alone, takes off the error of the outputs.  Then the shortest beginning
of that ranking is found by bisection; from it groups are left out one by one, the least useful first, as long as the
rest suffices; at last it is tried in a cheaper scheme.  AIMET's automatic mixed precision searches a ranked list in the
same way (Siddegowda et al., "Neural Network Quantization with AI Model Efficiency Toolkit (AIMET)", 2022); NNCF's
accuracy-aware quantization ranks by reverting one quantizer at a time.

The search is a function of what has been measured so far: it names the next file to measure, or what it found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

MOST_LEFT_OUT = 6  # how often it is tried whether a group may be left out again


class Mixture(NamedTuple):
    """Which groups are kept, by their places in the graph, in ascending order; and in which scheme."""

    kept: tuple[int, ...]
    scheme: str


class Answer(NamedTuple):
    """What the search came to: the mixture, and whether it is good enough; else it is the nearest there is."""

    mixture: Mixture
    enough: bool


# By mixture, the share of the budget that its file used: it is good enough where that is at most the limit.
Measured = Mapping[Mixture, float]


def rank(alone: Sequence[float]) -> list[int]:
    """The places of the groups, the most useful first; `alone` is the error of the outputs with each kept alone."""
    return sorted(range(len(alone)), key=lambda place: (alone[place], place))


def search(
    ranking: Sequence[int], measured: Measured, schemes: Sequence[str], cheaper: Sequence[str], limit: float
) -> Mixture | Answer:
    """The next mixture to measure, or the answer.

    Args:
        ranking: the places of all groups, the most useful first.
        measured: what is known already.
        schemes: those that groups may be kept in, the cheapest first: a later one is for where an earlier one does not
            suffice even for all groups but one.
        cheaper: schemes that are tried for what was found, the cheapest first.
        limit: the share of the budget that may be used.
    """
    most = len(ranking) - 1  # a file with all groups kept is that scheme's own file

    def first(count: int, scheme: str) -> Mixture:
        return Mixture(tuple(sorted(ranking[:count])), scheme)

    def enough(mixture: Mixture) -> bool:
        return measured[mixture] <= limit

    scheme = schemes[0]
    for scheme in schemes:
        if first(most, scheme) not in measured:
            return first(most, scheme)
        if enough(first(most, scheme)):
            break
    else:
        return Answer(min(measured, key=lambda mixture: (measured[mixture], len(mixture.kept))), False)

    low, high = 0, most  # the first `high` suffice; nobody knows of so few as `low`, or they do not
    while high - low > 1:
        middle = (low + high) // 2
        if first(middle, scheme) not in measured:
            return first(middle, scheme)
        low, high = (low, middle) if enough(first(middle, scheme)) else (middle, high)
    best = first(high, scheme)

    # The last group of the ranking's beginning is needed, or the beginning would be shorter.
    for place in list(reversed(ranking[: high - 1]))[:MOST_LEFT_OUT]:
        without = Mixture(tuple(other for other in best.kept if other != place), scheme)
        if without not in measured:
            return without
        best = without if enough(without) else best

    for cheap in cheaper:
        instead = best._replace(scheme=cheap)
        if instead not in measured:
            return instead
        if enough(instead):
            return Answer(instead, True)
    return Answer(best, True)
