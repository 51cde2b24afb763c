"""The names of the repairs that may be made for the sake of few bits, and what each does."""

from __future__ import annotations

from runtime.errors import UsageError

FOLD, BALANCE, RANGES, ROUNDING, BIAS = "fold", "balance", "ranges", "rounding", "bias"
REPAIRS = {
    FOLD: "batch normalisations between dense layers are multiplied in, and their units equalized",
    BALANCE: "channels between two layers of which one takes the bits of the others are given more equal ranges",
    RANGES: "where int8 misses the budget, ranges of activations are searched: by percentile, square error, entropy",
    ROUNDING: "where int8 misses the budget, weights are rounded by what that does to a layer's outputs",
    BIAS: "where int8 misses the budget, the mean errors of channels go into the biases of the int8 file",
}
# Those that are made in Keras, before any file is built; the others are made of an int8 file.
OF_WEIGHTS = (FOLD, BALANCE)


def select(names: str | None) -> tuple[str, ...]:
    """The repairs that a comma-separated list names, in the table's order; all for None, none for "none".

    Raises:
        UsageError: a name is not in the table.
    """
    if names is None:
        return tuple(REPAIRS)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if wanted == ["none"]:
        return ()
    unknown = [name for name in wanted if name not in REPAIRS]
    if unknown or not wanted:
        raise UsageError(
            f"unknown repair {', '.join(unknown) or repr(names)}; known: {', '.join(REPAIRS)}, none"
        )
    return tuple(name for name in REPAIRS if name in wanted)
