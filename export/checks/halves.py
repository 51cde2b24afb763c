"""Two halves of the test data: a search chooses on one of them, and the gate judges what was chosen on the other.

What is the best of many on some samples is so in part by chance, and would look better on them than it is.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Half = Literal["search", "verdict"]
_SEED = 11  # not that of the order of interim looks


def half(samples: int, which: Half) -> np.ndarray:
    """The indices of one half of the samples, int64, in an order that is the same in every run."""
    order = np.random.default_rng(_SEED).permutation(samples)
    return order[: samples // 2] if which == "search" else order[samples // 2 :]
