"""Golden inputs: seeded synthetic samples that look like the data but hold no row of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri  # type: ignore[import-untyped]

from data.dataset import Arrays
from data.shapes import draw
from runtime.bundle.manifest import InputRecord, OutputRecord

FEWEST, MOST = 4, 32
BUDGET_BYTES = 48 << 10
# A bundle keeps the answers of so many files and engines beside the inputs, at least.  How many it does keep is known
# when it is made: `export.golden` counts them, and takes fewer of these samples where they are too many.
_ANSWERS = 8
_KEPT = 2048  # elements of an output's row at most, docs/bundle.md
# Which shapes stand in for which dataset's images; other images get a mixture of all.
STYLES = {"mnist": "digits", "mnist-rebuilt": "digits", "digits": "digits", "fashion-mnist": "garments"}
# Where the best and the second class are closer than this, rounding alone may decide: no golden sample.
LEAST_MARGIN = 0.1
# Floats of sequences and tensors are multiples of this: most of their bits are 0, and the file is small.
_GRAIN = 1 / 32
_UNKNOWN_HIGH = {"uint8": 255, "bool": 1}  # of whole numbers without a limit; of other dtypes 9


@dataclass(frozen=True)
class TableStatistics:
    """What synthetic rows are drawn from: quantiles float64 [101, columns] and the ranks' correlation."""

    quantiles: NDArray[np.float64]
    correlation: NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """What is known of the data that synthetic inputs should look like.

    Attributes:
        style: for images, what is drawn: "digits", "garments", or everything in turn (None).
        tables: how the rows of all table inputs, side by side, are distributed; None where that is not known.
        spreads: by input name, mean and standard deviation of other numbers, each of a shape that fits to a row's.
    """

    style: str | None = None
    tables: TableStatistics | None = None
    spreads: Mapping[str, tuple[NDArray[Any], NDArray[Any]]] = field(default_factory=dict)


def table_statistics(rows: NDArray[Any]) -> TableStatistics:
    """Describes the training rows [n, columns] by their columns' percentiles and the correlation of ranks.

    The lowest and highest half per cent are cut off, so that no single row's value is kept as an extreme.
    """
    ranks = rows.argsort(axis=0).argsort(axis=0)
    scores = ndtri((ranks + 0.5) / len(rows))
    return TableStatistics(
        quantiles=np.quantile(rows.astype(np.float64), np.linspace(0.005, 0.995, 101), axis=0),
        correlation=np.atleast_2d(np.corrcoef(scores, rowvar=False)),
    )


def synthesise(records: Sequence[InputRecord], seed: int, pool: int, like: Likeness = Likeness()) -> Arrays:
    """Makes `pool` raw inputs for a model that takes `records`; the same for the same seed.

    Returns:
        By name: images uint8 [pool, height, width, channels] within the record's bounds, tables, and sequences and
        tensors of floats, float32 [pool, …shape], whole numbers in the record's dtype within its bounds.
    """
    random = [np.random.default_rng(seed + place) for place in range(len(records))]
    found = {
        record.name: _MAKERS[_maker(record)](record, generator, pool, like)
        for record, generator in zip(records, random, strict=True)
    }
    if like.tables is not None:
        tables = [record for record in records if record.kind == "table"]
        found |= _correlated(tables, like.tables, np.random.default_rng(seed), pool)
    return found


def _maker(record: InputRecord) -> str:
    if record.kind in ("image", "text"):
        return record.kind
    if record.dtype != "float":
        return "whole"
    return "walk" if record.kind == "sequence" else "normal"


def _images(record: InputRecord, random: np.random.Generator, pool: int, like: Likeness) -> NDArray[Any]:
    height, width, channels = record.shape
    low, high = int(record.low or 0), int(255 if record.high is None else record.high)
    images = np.empty((pool, height, width, channels), np.uint8)
    for index in range(pool):
        grey = draw(random, (height, width), like.style)[..., np.newaxis]
        tint = random.uniform(0.4, 1.0, channels) if channels > 1 else np.ones(1)
        images[index] = np.rint(low + (high - low) * grey * tint)
    return images


def _texts(record: InputRecord, random: np.random.Generator, pool: int, like: Likeness) -> NDArray[Any]:
    """Numbers of words, as many as a text may have, and 0 behind them."""
    (words,) = record.shape
    numbers = random.integers(1, int(record.high or 1) + 1, (pool, words))
    lengths = random.integers(1, words + 1, (pool, 1))
    return np.where(np.arange(words) < lengths, numbers, 0).astype(record.dtype)


def _whole(record: InputRecord, random: np.random.Generator, pool: int, like: Likeness) -> NDArray[Any]:
    low = 0 if record.low is None else int(record.low)
    high = low + _UNKNOWN_HIGH.get(record.dtype, 9) if record.high is None else int(record.high)
    return random.integers(low, high + 1, (pool, *record.shape)).astype(record.dtype)


def _walks(record: InputRecord, random: np.random.Generator, pool: int, like: Likeness) -> NDArray[Any]:
    """Smooth random walks along the steps, each about as far from its middle as the data are."""
    steps = random.standard_normal((pool, *record.shape))
    walks = np.cumsum(steps, axis=1) / math.sqrt(record.shape[0])
    walks += random.standard_normal((pool, 1, *record.shape[1:])) / 2
    return _spread(walks, record, like)


def _normal(record: InputRecord, random: np.random.Generator, pool: int, like: Likeness) -> NDArray[Any]:
    return _spread(random.standard_normal((pool, *record.shape)), record, like)


def _spread(scores: NDArray[Any], record: InputRecord, like: Likeness) -> NDArray[np.float32]:
    """Standard scores as the values of the data, on a grid."""
    mean, deviation = like.spreads.get(record.name, (np.zeros(1), np.ones(1)))
    grain = _GRAIN * 2.0 ** np.floor(np.log2(np.maximum(deviation, 1e-12)))
    values: NDArray[np.float32] = (np.rint((mean + deviation * scores) / grain) * grain).astype(np.float32)
    return values


_MAKERS: dict[str, Callable[[InputRecord, np.random.Generator, int, Likeness], NDArray[Any]]] = {
    "image": _images, "text": _texts, "whole": _whole, "walk": _walks, "normal": _normal,
}  # fmt: skip


def _correlated(
    tables: list[InputRecord], statistics: TableStatistics, random: np.random.Generator, pool: int
) -> Arrays:
    """Rows of all tables by a Gaussian copula: ranks correlated as in the data, each column by its own quantiles."""
    columns = len(statistics.correlation)
    scores = random.multivariate_normal(np.zeros(columns), statistics.correlation, size=pool)
    levels = np.linspace(0, 1, len(statistics.quantiles))
    drawn = [
        np.interp(ndtr(scores[:, column]), levels, statistics.quantiles[:, column])
        for column in range(columns)
    ]
    ends = np.cumsum([record.shape[0] for record in tables])[:-1]
    parts = np.split(np.stack(drawn, axis=1).astype(np.float32), ends, axis=1)
    return {record.name: rows for record, rows in zip(tables, parts, strict=True)}


def count(inputs: Sequence[InputRecord], outputs: Sequence[OutputRecord]) -> int:
    """How many golden samples a model has: 32, fewer where a row is large, never less than 4."""
    given = sum(math.prod(record.shape) * _item_bytes(record) for record in inputs)
    kept = sum(min(math.prod(record.shape), _KEPT) * 4 for record in outputs)
    return min(MOST, max(FEWEST, BUDGET_BYTES // (given + _ANSWERS * kept)))


def _item_bytes(record: InputRecord) -> int:
    return 1 if record.kind == "image" else np.dtype(record.tensor.dtype).itemsize


def pick(inputs: Arrays, outputs: Arrays, records: Sequence[OutputRecord], wanted: int = MOST) -> Arrays:
    """The inputs [n, …] by name at `places`."""
    chosen = places(outputs, records, wanted)
    return {name: values[chosen] for name, values in inputs.items()}


def places(outputs: Arrays, records: Sequence[OutputRecord], wanted: int) -> NDArray[np.int64]:
    """Chooses `wanted` samples by the original's outputs for them; the order stays.

    Of classes, every one that is answered at all is chosen, each from sure to hesitant.  Of values, inputs are spread
    evenly over the range of the outputs.  Several outputs choose in turn.  Samples with an answer that is no finite
    number are left out.

    Args:
        outputs: the original's by name, [n, …shape] each.
        records: what the outputs mean.
        wanted: how many are chosen, at most as many as there are.

    Returns:
        The places of the chosen among the n, ascending.
    """
    sound = np.flatnonzero(np.all([_finite(outputs[record.name]) for record in records], axis=0))
    if not len(sound):
        return sound
    wishes = [_wishes(record, outputs[record.name][sound], wanted) for record in records]
    turns = (row for turn in itertools.zip_longest(*wishes) for row in turn if row is not None)
    chosen = list(itertools.islice(dict.fromkeys(turns), wanted))
    return sound[np.sort(np.asarray(chosen, np.int64))]


def _finite(outputs: NDArray[Any]) -> NDArray[np.bool_]:
    finite: NDArray[np.bool_] = np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1)
    return finite


def _wishes(record: OutputRecord, outputs: NDArray[Any], wanted: int) -> list[int]:
    """The rows in the order in which one output would choose them, every row at most once."""
    if record.task == "classification":
        means = outputs.reshape(len(outputs), -1, outputs.shape[-1]).mean(axis=1)
        ranked = np.sort(means, axis=1)
        return _by_class(means.argmax(axis=1), ranked[:, -1] - ranked[:, -2], wanted)
    flat = outputs.reshape(len(outputs), -1).astype(np.float64)
    if record.task in ("binary", "multilabel"):
        # Rows with the same labels are a class; the label nearest to the threshold says how sure the row is.
        _, answers = np.unique(flat >= 0.5, axis=0, return_inverse=True)
        return _by_class(answers.reshape(-1), 2 * np.abs(flat - 0.5).min(axis=1), wanted)
    order = flat.mean(axis=1).argsort()
    places = np.linspace(0, len(order) - 1, wanted).round().astype(int)
    return [*dict.fromkeys(int(order[places[turn]]) for turn in _outside_in(wanted)), *map(int, order)]


def _outside_in(size: int) -> Iterator[int]:
    """The numbers from 0 to `size` - 1, so that the first few are already spread over all."""
    yield from (0, size - 1)
    parts = 2
    while parts < 2 * size:
        yield from (round(part * (size - 1) / parts) for part in range(1, parts, 2))
        parts *= 2
    yield from range(size)


def _by_class(answer: NDArray[Any], margin: NDArray[Any], wanted: int) -> list[int]:
    queues = []
    for label in np.unique(answer):
        members = np.flatnonzero(answer == label)
        members = members[margin[members].argsort()[::-1]]
        sound = members[margin[members] >= LEAST_MARGIN]
        members = sound if len(sound) else members[:1]
        # The surest, the middle, the most hesitant, then what lies between, without repetition.
        levels = [0.0, 0.5, 1.0, 0.75, 0.25, *np.linspace(0, 1, wanted)]
        places = dict.fromkeys(round(level * (len(members) - 1)) for level in levels)
        queues.append([members[place] for place in places])
    turns = [int(queue[turn]) for turn in range(wanted) for queue in queues if turn < len(queue)]
    return [*turns, *(int(row) for row in np.setdiff1d(margin.argsort()[::-1], turns, assume_unique=True))]
