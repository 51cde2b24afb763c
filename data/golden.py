"""Golden inputs: seeded synthetic samples that look like a dataset but hold no row of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]

from data.shapes import draw
from runtime.bundle.manifest import InputRecord

COUNT = 32
# Which shapes stand in for which dataset's images; other images get a mixture of all.
STYLES = {"mnist": "digits", "digits": "digits", "fashion-mnist": "garments"}
# Where the best and the second class are closer than this, rounding alone may decide: no golden sample.
LEAST_MARGIN = 0.1


@dataclass(frozen=True)
class TableStatistics:
    """What synthetic rows are drawn from: quantiles float64 [101, columns] and the ranks' correlation."""

    quantiles: NDArray[np.float64]
    correlation: NDArray[np.float64]


def table_statistics(rows: NDArray[Any]) -> TableStatistics:
    """Describe the training rows [n, columns] by their columns' percentiles and the correlation of ranks.

    The lowest and highest half per cent are cut off, so that no single row's value is kept as an extreme.
    """
    ranks = rows.argsort(axis=0).argsort(axis=0)
    scores = ndtri((ranks + 0.5) / len(rows))
    return TableStatistics(
        quantiles=np.quantile(rows.astype(np.float64), np.linspace(0.005, 0.995, 101), axis=0),
        correlation=np.corrcoef(scores, rowvar=False),
    )


def synthesise(
    record: InputRecord,
    seed: int,
    pool: int,
    style: str | None = None,
    statistics: TableStatistics | None = None,
) -> NDArray[Any]:
    """Make `pool` raw inputs for a model with the input `record`; the same for the same seed.

    Args:
        record: what the model takes.
        seed: of the random numbers.
        pool: how many inputs.
        style: for images, what is drawn: "digits", "garments", or everything in turn (None).
        statistics: for tables, how the rows are distributed; standard normal where None.

    Returns:
        Images uint8 [pool, height, width, channels] within the record's bounds, or rows float32 [pool, columns].
    """
    random = np.random.default_rng(seed)
    if record.kind == "image":
        return _images(record, random, pool, style)
    (columns,) = record.shape
    if statistics is None:
        return random.standard_normal((pool, columns)).astype(np.float32)
    # A Gaussian copula: ranks correlated as in the training rows, then each column through its own quantiles.
    scores = random.multivariate_normal(np.zeros(columns), statistics.correlation, size=pool)
    levels = np.linspace(0, 1, len(statistics.quantiles))
    drawn = [
        np.interp(ndtr(scores[:, column]), levels, statistics.quantiles[:, column])
        for column in range(columns)
    ]
    return np.stack(drawn, axis=1).astype(np.float32)


def pick(inputs: NDArray[Any], outputs: NDArray[np.float32], count: int = COUNT) -> NDArray[Any]:
    """Choose `count` of `inputs` [n, …] by the original's outputs for them; the order stays.

    Of probabilities (k > 1), every class that is answered at all is chosen, each from sure to hesitant. Of values
    (k = 1), inputs are spread evenly over the range of the outputs.

    Args:
        inputs: the pool [n, …].
        outputs: the original's, float32 [n, k].
        count: how many are chosen, at most n.
    """
    count = min(count, len(inputs))
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        chosen = _by_class(outputs, count)
    else:
        order = outputs.reshape(len(outputs), -1)[:, 0].argsort()
        chosen = order[np.linspace(0, len(order) - 1, count).round().astype(int)]
    return inputs[np.sort(chosen)]


def _by_class(outputs: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    ranked = np.sort(outputs, axis=1)
    margin = ranked[:, -1] - ranked[:, -2]
    answer = outputs.argmax(axis=1)
    queues = []
    for label in np.unique(answer):
        members = np.flatnonzero(answer == label)
        members = members[margin[members].argsort()[::-1]]
        sound = members[margin[members] >= LEAST_MARGIN]
        members = sound if len(sound) else members[:1]
        # The surest, the middle, the most hesitant, then what lies between, without repetition.
        wanted = [0.0, 0.5, 1.0, 0.75, 0.25, *np.linspace(0, 1, count)]
        places = dict.fromkeys(round(level * (len(members) - 1)) for level in wanted)
        queues.append([members[place] for place in places])
    turns = [queue[turn] for turn in range(count) for queue in queues if turn < len(queue)]
    if len(turns) < count:
        rest = np.setdiff1d(margin.argsort()[::-1], turns, assume_unique=True)
        turns += list(rest[: count - len(turns)])
    return np.asarray(turns[:count])


def _images(
    record: InputRecord, random: np.random.Generator, pool: int, style: str | None
) -> NDArray[np.uint8]:
    height, width, channels = record.shape
    assert record.low is not None and record.high is not None, "an image input has bounds"
    low, high = int(record.low), int(record.high)
    images = np.empty((pool, height, width, channels), np.uint8)
    for index in range(pool):
        grey = draw(random, (height, width), style)[..., np.newaxis]
        tint = random.uniform(0.4, 1.0, channels) if channels > 1 else np.ones(1)
        images[index] = np.rint(low + (high - low) * grey * tint)
    return images
