"""Interim looks: the numbers of test samples after which a slow variant is judged, and stopped if that is enough.

A group-sequential design after Pocock ("Group sequential methods in the design and analysis of clinical trials",
Biometrika 64, 1977): every look uses the same, wider interval, so that all looks together miss the truth in at most 5 %
of cases.  The interval at the end is then one of the repeated confidence intervals of Jennison and Turnbull (Journal of
the Royal Statistical Society B 51, 1989), which hold wherever one stops.

Parity needs no such design: nothing is estimated, each sample is within the tolerance or not.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr  # type: ignore[import-untyped]

# The critical values for two-sided tests at 5 %, by the number of looks.  Pocock's own are of looks at equal distances;
# these are of looks that double the samples, which know less of each other, and were found as his, by simulation.
CRITICAL = {2: 2.179, 3: 2.312, 4: 2.411, 5: 2.486}
CONFIDENCE = 0.95
SLOW_S = 0.25  # what all samples may take before looks in between are worth their wider intervals
FEWEST = 1000  # samples at the first look: of fewer, not even equal answers prove the usual budget
_SEED = 7


def looks(samples: int, seconds: float) -> list[int]:
    """How many samples have been asked about at each look, the last time all of them.

    Args:
        samples: how many there are.
        seconds: what one of them takes.
    """
    if samples * seconds <= SLOW_S:
        return [samples]
    sizes = [
        samples >> halved for halved in range(max(CRITICAL)) if samples >> halved >= FEWEST or not halved
    ]
    return sizes[::-1]


def for_parity(samples: int, seconds: float) -> list[int]:
    """The only look at a variant that is held to parity: at as many samples as are not slow, but `FEWEST` at least."""
    return [min(samples, max(FEWEST, int(SLOW_S / max(seconds, 1e-9))))]


def confidence(number_of_looks: int) -> float:
    """The confidence of the interval at each of so many looks, with which all together have 95 %."""
    if number_of_looks == 1:
        return CONFIDENCE
    return float(2 * ndtr(CRITICAL[number_of_looks]) - 1)


def order(samples: int) -> np.ndarray:
    """The order in which samples are asked about, int64 [n]: shuffled, since test data may be sorted by class."""
    return np.random.default_rng(_SEED).permutation(samples)
