"""Repairs of weights (`names.REPAIRS`): other weights with the same answers, of which eight bits lose less.

They are made once, in Keras, before any file is built, so that both formats have them.  A repair that is tried stays
only where a simulation of eight bits says that it clearly helps, on samples other than those it was made with.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from export.quantization import balance
from export.quantization.equalize import equalize
from export.quantization.names import BALANCE, FOLD
from export.quantization.walk import Unsuited, Walk, ranges_of

CLEARLY = 0.8  # of the error of the outputs: what is left of it where a repair is worth another file
LEAST_SAMPLES = 8


def repair(model: Any, feed: Mapping[str, Any], wanted: Collection[str]) -> tuple[Any, tuple[str, ...]]:
    """A Keras model of the same answers, and a sentence on each repair that was made.

    Args:
        model: the model; its weights are changed.
        feed: samples by the name of the model's own inputs, [n, …].
        wanted: the names of the repairs that may be made.
    """
    notes = _balanced(model, feed) if BALANCE in wanted else ()
    return (equalize(model) if FOLD in wanted else model), notes


def _balanced(model: Any, feed: Mapping[str, Any]) -> tuple[str, ...]:
    """Balances the links of a model, where that helps; else its weights stay as they are."""
    samples = min(len(values) for values in feed.values()) if feed else 0
    if samples < LEAST_SAMPLES:
        return ()
    made_with, judged_by = ({name: rows[start::2] for name, rows in feed.items()} for start in (0, 1))
    try:
        walk = Walk(model)
        found = balance.links(walk)
        if not found:
            return ()
        values = walk.values(made_with)
        found = [link for link in found if balance.lost_bits(link, values) > balance.MOST_LOST]
        if not found:
            return ()
        wanted = walk.answers(walk.values(judged_by))
    except Unsuited:
        return ()
    before = _error(walk, made_with, judged_by, wanted)
    kept = [np.array(variable.numpy()) for variable in model.variables]
    tried: dict[float, tuple[float, list[np.ndarray]]] = {}
    for share in balance.SHARES:
        for link in found:
            balance.balance(link, values, share)
        tried[share] = (
            _error(walk, made_with, judged_by, wanted),
            [np.array(each.numpy()) for each in model.variables],
        )
        _assign(model, kept)
    error, weights = min(tried.values(), key=lambda each: each[0])
    if not error <= CLEARLY * before:
        return ()
    _assign(model, weights)
    gain = 10 * np.log10(before / error) if error else np.inf
    return (
        f"The ranges of channels are balanced between {_names(found)}: in a simulation of eight bits the error of the "
        f"outputs falls by {gain:.1f} dB.",
    )


def _names(found: list[balance.Link]) -> str:
    return ", ".join(f"{link.before.name} and {link.after.name}" for link in found)


def _error(
    walk: Walk, made_with: Mapping[str, Any], judged_by: Mapping[str, Any], wanted: list[np.ndarray]
) -> float:
    """The mean square of what eight bits change, each output as a fraction of its spread."""
    ranges = ranges_of(walk.values(made_with))
    return sum(
        float(np.mean((found - right) ** 2)) / max(float(np.var(right)), 1e-12)
        for found, right in zip(walk.in_eight_bits(judged_by, ranges), wanted, strict=True)
    )


def _assign(model: Any, values: list[np.ndarray]) -> None:
    for variable, value in zip(model.variables, values, strict=True):
        variable.assign(value)
