"""What to do about the loss of a variant: one line."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from export.diagnosis.loss import LayerLoss, by_share, ranking

# Each limit says from where on a sentence is worth a user's time; nothing is accepted or refused by them.
_GOOD_DB = 60.0  # an error of a thousandth: no label depends on it
_OUTLIER_DB = 12.0  # below the other layers: four times their error
_CLIPPED = 0.001
_MUCH = 0.1  # of the loss
_UNUSED = 0.1  # of the range: three of eight bits are wasted
_HALF = 0.5


def advice(rows: Sequence[LayerLoss], answers_db: float) -> str:
    """One line for the user.

    Args:
        rows: the variant's rows.
        answers_db: the SQNR of the answers, in dB; that of the worst output.
    """
    worst, costly = ranking(rows)[0], by_share(rows)
    first = costly[0]
    if math.isinf(answers_db) or not first.share:
        return "nothing is lost: the answers are those of the float32 file"
    if answers_db >= _GOOD_DB:
        return f"nothing to do: the answers are {answers_db:.0f} dB above their error"
    for row in (worst, first):
        if (row.clipped or 0) >= _CLIPPED and (row.share or 0) >= _MUCH:
            return (
                f"{row.name} cuts off {_percent(row.clipped, 1)} of its values and makes {_percent(row.share)} of the "
                "loss: calibrate with samples that reach them (--calibration)"
            )
    behind = _behind_the_others(worst, rows)
    if behind >= _OUTLIER_DB:
        return (
            f"{worst.name} by itself is {behind:.0f} dB worse than the layers in the middle, and makes "
            f"{_percent(worst.share)} of the loss: look at its weights and range for one value far out, or keep it in "
            "float32"
        )
    if first.used is not None and first.used < _UNUSED and first.share >= _MUCH:
        return (
            f"{first.name} uses {_percent(first.used)} of its range and makes {_percent(first.share)} of the loss: "
            "samples far out made the range wide; leave them out of the calibration, or limit the values in the model"
        )
    if first.share >= _HALF:
        return f"{first.name} makes {_percent(first.share)} of the loss: keep this layer alone in a higher scheme"
    return f"no layer stands out: {_most(costly)} of the loss; a higher scheme helps more than a repair"


def _behind_the_others(worst: LayerLoss, rows: Sequence[LayerLoss]) -> float:
    """How far the worst layer's own SQNR is below the middle of all that lose anything, in dB."""
    others = [
        row.own_sqnr_db for row in rows if row.own_sqnr_db is not None and math.isfinite(row.own_sqnr_db)
    ]
    return (
        0.0 if len(others) < 3 or worst.own_sqnr_db is None else float(np.median(others)) - worst.own_sqnr_db
    )


def _most(costly: Sequence[LayerLoss]) -> str:
    """Such as "a, b and c make 57 %": the fewest layers that make half of the loss, at most three named."""
    named: list[str] = []
    share = 0.0
    for row in costly:
        named.append(row.name)
        share += row.share or 0.0
        if share >= _HALF:
            break
    if len(named) > 3:
        return f"it takes {len(named)} layers, {named[0]} first, to make {_percent(share)}"
    names = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    return f"{names} make {_percent(share)}"


def _percent(value: float | None, digits: int = 0) -> str:
    return f"{100 * (value or 0):.{digits}f} %"
