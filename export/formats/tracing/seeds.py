"""Seeds of random layers, which do nothing in an exported model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export.formats.tracing.rewrite import Rewrite


def _next(original: Callable[..., Any]) -> Callable[..., Any]:
    def next(self: Any, ordered: bool = True) -> Any:
        """`keras.random.SeedGenerator.next`: the seed as it is; it does not count on."""
        return self.state.value * 1

    return next


REWRITES = (
    Rewrite(
        "keras.src.random.seed_generator",
        "SeedGenerator.next",
        _next,
        "layers that augment data draw a seed even where they change nothing, and a file would count them in a "
        "variable from call to call",
    ),
)
